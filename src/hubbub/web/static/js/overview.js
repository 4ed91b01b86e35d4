// The figures of now: asked for every two seconds while the page is seen, with a small line of the last minutes.

const EVERY = 2000;
const MOST = 150;

const list = document.getElementById('live');
const state = document.getElementById('state');
const lines = { connections: [], messages: [], deliveries: [] };
const shownState = state.textContent;
let last = null;
let timer = null;
let isAsking = false;

const format = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });

function show(name, value) {
  list.querySelector(`[data-figure="${name}"]`).textContent = format.format(value);
}

function draw(name) {
  const values = lines[name].slice(-MOST);
  const top = Math.max(...values, 1);
  const step = 100 / Math.max(values.length - 1, 1);
  const points = values.map((value, place) => `${(place * step).toFixed(2)} ${(26.5 - (value / top) * 25).toFixed(2)}`);
  list.querySelector(`[data-line="${name}"] path`).setAttribute('d', points.length > 1 ? `M${points.join('L')}` : '');
}

function begin() {
  // What is kept has one value for several of ours: each is repeated, so that the line has one scale of time.
  const repeats = Math.round((Number(list.dataset.interval) * 1000) / EVERY);
  for (const [name, values] of Object.entries(JSON.parse(list.dataset.history))) {
    lines[name] = values.flatMap((value) => Array(repeats).fill(value));
    draw(name);
  }
}

function take(now) {
  show('connections', now.connections);
  show('channels', now.channels);
  lines.connections.push(now.connections);
  draw('connections');
  // A server that came or went has brought its numbers, or taken them along: what grew is not known.
  if (last && last.nodes === now.nodes && now.at > last.at) {
    for (const name of ['messages', 'deliveries']) {
      const rate = Math.max((now[name] - last[name]) / ((now.at - last.at) / 1000), 0);
      show(name, rate);
      lines[name].push(rate);
      draw(name);
    }
  }
  last = now;
  for (const name of Object.keys(lines)) lines[name] = lines[name].slice(-MOST);
}

// Who is signed out, or may no longer see this, asks no more.
function refuse() {
  clearInterval(timer);
  state.className = 'badge bad';
  state.textContent = 'signed out: reload';
}

async function ask() {
  if (isAsking) return;
  isAsking = true;
  try {
    const answer = await fetch(list.dataset.source, { headers: { accept: 'application/json' } });
    if ([401, 403, 404].includes(answer.status)) return refuse();
    if (!answer.ok) throw new Error(String(answer.status));
    const now = await answer.json();
    take(now);
    state.className = 'badge good';
    state.textContent = now.nodes === 1 ? 'live' : `live, ${now.nodes} servers`;
  } catch {
    last = null;
    state.className = 'badge bad';
    state.textContent = 'not reached';
  } finally {
    isAsking = false;
  }
}

function follow() {
  clearInterval(timer);
  if (document.visibilityState === 'visible') {
    ask();
    timer = setInterval(ask, EVERY);
  } else {
    last = null;
    state.className = 'badge';
    state.textContent = shownState;
  }
}

begin();
document.addEventListener('visibilitychange', follow);
follow();
