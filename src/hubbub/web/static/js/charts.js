// Draws the charts of the statistics. The same figures are in the tables of the page; these need no script.

const charts = document.getElementById('charts');
const told = document.getElementById('told');
const plots = new Map();
let drawn = null;

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat('en', { maximumFractionDigits: 2 });
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function bytes(value) {
  for (const unit of ['B', 'kB', 'MB']) {
    if (value < 1000) return `${fine.format(Number(value.toPrecision(3)))} ${unit}`;
    value /= 1000;
  }
  return `${fine.format(value)} GB`;
}

const UNITS = {
  number: { long: (value) => fine.format(value), short: (value) => compact.format(value) },
  count: { long: (value) => whole.format(value), short: (value) => compact.format(value) },
  bytes: { long: bytes, short: bytes },
  ms: {
    long: (value) => `${fine.format(value)} ms`,
    short: (value) => (value >= 1000 ? `${fine.format(value / 1000)} s` : `${fine.format(value)} ms`),
  },
};

function when(seconds) {
  const options = { dateStyle: 'medium' };
  if (drawn.step < 86400) options.timeStyle = drawn.step < 60 ? 'medium' : 'short';
  return new Date(seconds * 1000).toLocaleString(undefined, options);
}

function options(chart, width) {
  const unit = UNITS[chart.unit];
  const axis = { stroke: color('--muted'), grid: { stroke: color('--line'), width: 1 }, ticks: { stroke: color('--line'), width: 1 }, font: '11px system-ui, sans-serif' };
  const isAlone = chart.lines.length === 1;
  return {
    width,
    height: 230,
    cursor: { sync: { key: 'statistics' }, points: { size: 7 }, drag: { x: true, y: false } },
    legend: { live: true },
    scales: { x: { time: true }, y: { range: (_u, _low, high) => [0, high > 0 ? high * 1.08 : 1] } },
    axes: [axis, { ...axis, size: 58, values: (_u, values) => values.map((value) => (value == null ? '' : unit.short(value))) }],
    series: [
      { label: 'From', value: (_u, value) => (value == null ? '–' : when(value)) },
      ...chart.lines.map((line, place) => ({
        label: line.label,
        stroke: color(`--chart-${(place % 6) + 1}`),
        width: 1.75,
        dash: place === 0 ? undefined : [[], [6, 3], [2, 3], [8, 3, 2, 3], [4, 2], [1, 2]][place % 6],
        fill: isAlone ? `${color('--chart-1')}22` : undefined,
        // A value between two that are not there is no line.
        points: { show: line.values.filter((value) => value != null).length < 40 },
        value: (_u, value) => (value == null ? '–' : unit.long(value)),
      })),
    ],
  };
}

function draw(place, chart) {
  plots.get(place)?.destroy();
  place.hidden = false;
  const plot = new uPlot(options(chart, place.clientWidth), [drawn.times, ...chart.lines.map((line) => line.values)], place);
  plots.set(place, plot);
}

function drawAll() {
  for (const place of charts.querySelectorAll('[data-chart]')) {
    const chart = drawn.charts.find((one) => one.name === place.dataset.chart);
    if (chart) draw(place, chart);
  }
}

// Left and right go through the values, and say them.
function step(event) {
  const place = event.currentTarget;
  const plot = plots.get(place);
  const ends = { Home: 0, End: drawn.times.length - 1 };
  const steps = { ArrowLeft: -1, ArrowRight: 1 };
  if (!plot || !(event.key in ends || event.key in steps)) return;
  event.preventDefault();
  const before = plot.cursor.idx ?? drawn.times.length;
  const index = event.key in ends ? ends[event.key] : Math.min(Math.max(before + steps[event.key], 0), drawn.times.length - 1);
  plot.setCursor({ left: plot.valToPos(drawn.times[index], 'x'), top: plot.over.clientHeight / 2 });
  const chart = drawn.charts.find((one) => one.name === place.dataset.chart);
  const values = chart.lines.map((line) => `${line.label} ${line.values[index] == null ? 'nothing' : UNITS[chart.unit].long(line.values[index])}`);
  told.textContent = `${when(drawn.times[index])}: ${values.join(', ')}`;
}

async function begin() {
  const answer = await fetch(charts.dataset.source, { headers: { accept: 'application/json' } });
  if (!answer.ok) return;
  drawn = await answer.json();
  drawAll();
  const sizes = new ResizeObserver((entries) => {
    for (const { target, contentRect } of entries) {
      const plot = plots.get(target);
      if (plot && Math.abs(plot.width - contentRect.width) > 1) plot.setSize({ width: contentRect.width, height: 230 });
    }
  });
  for (const place of plots.keys()) {
    sizes.observe(place);
    place.addEventListener('keydown', step);
  }
  document.addEventListener('hubbub:theme', drawAll);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAll);
}

begin();
