// The console: what happens at an application, shown as it comes.
//
// The server sends several times a second what happened, of a busy application a part of it, and counts of everything.
// Rows are bounded, and drawn once a frame. While the tab is hidden nothing is received: on coming back the browser says
// what it got last, and the server sends what it still has of the time between.

const MOST_ROWS = 500;
const MOST_PER_FRAME = 150;
const RATE_SECONDS = 5;
const TROUBLES = ['client_error', 'api_error', 'webhook_failed', 'disconnection'];
const STATES = {
  connecting: ['', 'Connecting…'],
  live: ['good', 'Live'],
  paused: ['warn', 'Paused'],
  lost: ['bad', 'The server cannot be reached. Trying again…'],
  full: ['bad', 'The server cannot show this now: too many consoles are open, or its database is away. Trying again…'],
  restart: ['warn', 'The server is restarting. Coming back…'],
  access: ['bad', 'You are signed out, or may no longer see this application. Reload the page.'],
};

const main = document.getElementById('console');
const settings = JSON.parse(main.dataset.settings);
const byId = (id) => document.getElementById(id);
const rows = byId('rows');
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3 });
const number = new Intl.NumberFormat();

let source = null;
let last = '';
let state = 'connecting';
let node = '';
let isPaused = false;
let isDrawing = false;
let waiting = []; // what has come and is not drawn yet
let kept = []; // what is, or may be, shown: the latest last
let dropped = 0;
const totals = {};
const recent = []; // what the last seconds had: [time, counts, left out]
const seen = { channel: new Map(), event: new Map() };

// What is shown

const boxes = [...document.querySelectorAll('input[name=kind]')];
let shown = new Set(boxes.map((box) => box.value));
let text = '';

function readFilters() {
  shown = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
  text = byId('text').value.trim().toLowerCase();
  redraw();
}

function fits(one) {
  if (one.gap) return true;
  if (!shown.has(one.kind)) return false;
  if (!text) return true;
  const all = [settings.kinds[one.kind], one.socket_id, one.channel, one.event, one.user_id, one.data, one.text, one.node];
  return all.some((part) => part && part.toLowerCase().includes(text));
}

// Drawing

function element(name, className, content) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (content !== undefined) made.append(content);
  return made;
}

function link(path, query, content) {
  const made = element('a', '', content);
  made.href = `${settings.path}${path}${query ? `?${new URLSearchParams(query)}` : ''}`;
  return made;
}

function row(one) {
  const made = element('tr');
  if (one.gap) {
    made.className = 'gap';
    const cell = element('td', '', one.gap);
    cell.colSpan = 5;
    made.append(cell);
    return made;
  }
  if (TROUBLES.includes(one.kind) && one.kind !== 'disconnection') made.className = 'trouble';
  const time = element('time', '', clock.format(one.at));
  time.dateTime = new Date(one.at).toISOString();
  const socket = element('td', 'mono nowrap');
  if (one.socket_id) socket.append(link('/connections', { socket: one.socket_id }, one.socket_id));
  made.append(element('td', 'time', time), element('td', 'what', settings.kinds[one.kind]), socket, details(one), actions(one));
  return made;
}

function details(one) {
  const cell = element('td', 'details');
  const said = [];
  if (one.code !== undefined && one.code !== null) said.push(element('strong', '', String(one.code)));
  if (one.channel) said.push(element('span', 'mono', one.channel));
  if (one.event) said.push(element('span', 'mono', one.event));
  if (one.user_id) said.push(element('span', '', `user ${one.user_id}`));
  if (one.text) said.push(element('span', '', one.text));
  said.forEach((part, index) => cell.append(...(index ? [' · ', part] : [part])));
  if (one.data) {
    const size = one.size ?? 0;
    const more = one.data.length < size ? ` … ${number.format(size)} bytes` : '';
    cell.append(element('code', 'payload', one.data + more));
  }
  if (one.node) cell.append(element('span', 'muted', ` on ${one.node}`));
  return cell;
}

function actions(one) {
  const cell = element('td', 'right nowrap');
  if (one.kind === 'api_message') {
    const isCut = one.data !== undefined && one.data.length < 400 ? false : (one.size ?? 0) > 400;
    const replay = link('/creator', { channel: one.channel, event: one.event, data: isCut ? '' : one.data ?? '' }, 'Replay');
    replay.className = 'button quiet small';
    if (isCut) replay.title = 'Its payload is too long to be taken over';
    cell.append(replay);
  } else if (one.incident) {
    const why = link(`/errors/${encodeURIComponent(one.incident)}`, null, 'Why?');
    why.className = 'button quiet small';
    cell.append(why);
  } else if (one.kind === 'disconnection' && one.code) {
    const why = link('/errors', { socket_id: one.socket_id }, 'Why?');
    why.className = 'button quiet small';
    cell.append(why);
  }
  return cell;
}

function redraw() {
  const fitting = kept.filter(fits).slice(-MOST_ROWS).reverse();
  rows.replaceChildren(...fitting.map(row));
  byId('nothing').hidden = rows.childElementCount > 0;
}

function draw() {
  isDrawing = false;
  drawCounts();
  if (isPaused || !waiting.length) return;
  const now = waiting.splice(0, MOST_PER_FRAME);
  kept.push(...now);
  if (kept.length > 2 * MOST_ROWS) kept = kept.slice(-MOST_ROWS);
  const fresh = now.filter(fits).map(row).reverse();
  rows.prepend(...fresh);
  while (rows.childElementCount > MOST_ROWS) rows.lastElementChild.remove();
  byId('nothing').hidden = rows.childElementCount > 0;
  if (waiting.length) drawSoon();
}

function drawSoon() {
  if (isDrawing) return;
  isDrawing = true;
  requestAnimationFrame(draw);
}

function drawCounts() {
  for (const [kind, count] of Object.entries(totals)) {
    const place = document.querySelector(`[data-count="${kind}"]`);
    if (place) place.textContent = number.format(count);
  }
  const since = performance.now() - RATE_SECONDS * 1000;
  while (recent.length && recent[0][0] < since) recent.shift();
  const counts = {};
  const left = {};
  for (const [, all, out] of recent) {
    for (const [kind, count] of Object.entries(all)) counts[kind] = (counts[kind] ?? 0) + count;
    for (const [kind, count] of Object.entries(out)) left[kind] = (left[kind] ?? 0) + count;
  }
  const said = Object.entries(left).map(([kind, out]) => {
    const all = counts[kind];
    const rate = number.format(Math.round(all / RATE_SECONDS));
    return `${settings.kinds[kind]}: showing 1 of ${number.format(Math.max(Math.round(all / Math.max(all - out, 1)), 2))} (${rate} a second)`;
  });
  const sampling = byId('sampling');
  sampling.hidden = !said.length;
  const told = said.length ? `Sampled, as there is too much to show all. ${said.join('; ')}. All are counted.` : '';
  if (sampling.textContent !== told) sampling.textContent = told;
  drawSeen();
}

let seenAt = -1000;

function drawSeen() {
  if (performance.now() < seenAt + 1000) return;
  seenAt = performance.now();
  for (const [what, place] of [['channel', byId('seen-channels')], ['event', byId('seen-events')]]) {
    if (place.contains(document.activeElement)) continue;
    const most = [...seen[what]].sort((one, other) => other[1] - one[1]).slice(0, 5);
    place.replaceChildren(
      ...most.map(([name]) => {
        const button = element('button', 'link', name);
        button.type = 'button';
        button.addEventListener('click', () => {
          byId('text').value = name;
          readFilters();
        });
        return button;
      }),
    );
  }
  byId('seen').hidden = !seen.channel.size && !seen.event.size;
}

function count(what, name) {
  if (!name) return;
  const names = seen[what];
  names.set(name, (names.get(name) ?? 0) + 1);
  if (names.size > 500) for (const [one, times] of names) if (times < 2) names.delete(one);
}

// Receiving

function say(next) {
  state = next;
  const [kind, told] = STATES[isPaused && next === 'live' ? 'paused' : next];
  const banner = byId('banner');
  banner.className = `notice ${kind}`;
  const more = next !== 'live' ? '' : isPaused ? ': what comes is counted, and shown when you go on.' : node ? `, by ${node}.` : '.';
  if (banner.textContent !== told + more) banner.textContent = told + more;
}

function take(message) {
  const batch = JSON.parse(message.data);
  last = message.lastEventId || last;
  for (const [kind, count] of Object.entries(batch.counts)) totals[kind] = (totals[kind] ?? 0) + count;
  recent.push([performance.now(), batch.counts, batch.left_out]);
  for (const one of batch.sights) {
    count('channel', one.channel);
    count('event', one.event);
    waiting.push(one);
  }
  if (waiting.length > 2 * MOST_ROWS) {
    dropped += waiting.length - 2 * MOST_ROWS;
    waiting = waiting.slice(-2 * MOST_ROWS);
  }
  drawSoon();
}

function gap(told) {
  waiting.push({ gap: told });
  drawSoon();
}

let retry;

// What a stream failed for it does not say: so it is asked for once more, without what is in it.
async function cause() {
  try {
    const { status } = await fetch(`${settings.path}/console/stream`, { method: 'HEAD' });
    if ([401, 403, 404].includes(status)) return 'access';
    return status === 503 ? 'full' : 'lost';
  } catch {
    return 'lost';
  }
}

function open() {
  clearTimeout(retry);
  if (source || state === 'access') return;
  source = new EventSource(`${settings.path}/console/stream?${new URLSearchParams({ last })}`);
  source.addEventListener('hello', (event) => {
    const hello = JSON.parse(event.data);
    node = hello.node;
    if (!hello.whole) gap('Something happened here that this page has missed.');
    say('live');
  });
  source.addEventListener('message', take);
  source.addEventListener('missed', (event) => gap(`${number.format(JSON.parse(event.data).count)} things left out: this page was too slow.`));
  source.addEventListener('end', (event) => {
    shut();
    say(JSON.parse(event.data).why);
    if (state === 'restart') retry = setTimeout(open, 1000);
  });
  source.addEventListener('error', async () => {
    shut();
    const why = await cause();
    if (source || document.hidden) return; // another one was opened meanwhile, or is not wanted
    say(why);
    if (why !== 'access') retry = setTimeout(open, 2000);
  });
}

function shut() {
  source?.close();
  source = null;
}

// Controls

function pause() {
  isPaused = !isPaused;
  const button = byId('pause');
  button.setAttribute('aria-pressed', String(isPaused));
  button.querySelector('span').textContent = isPaused ? 'Go on' : 'Pause';
  if (!isPaused && dropped) {
    waiting.unshift({ gap: `${number.format(dropped)} rows that came during the pause are not kept.` });
    dropped = 0;
  }
  say(state);
  drawSoon();
}

function clear() {
  kept = [];
  waiting = [];
  seen.channel.clear();
  seen.event.clear();
  for (const kind of Object.keys(settings.kinds)) totals[kind] = 0;
  redraw();
  drawCounts();
}

function choose(kinds) {
  for (const box of boxes) box.checked = !kinds || kinds.includes(box.value);
  readFilters();
}

byId('pause').addEventListener('click', pause);
byId('clear').addEventListener('click', clear);
byId('all').addEventListener('click', () => choose(null));
byId('troubles').addEventListener('click', () => choose(TROUBLES));
byId('filters').addEventListener('input', readFilters);
byId('filters').addEventListener('submit', (event) => event.preventDefault());
document.addEventListener('visibilitychange', () => {
  if (document.hidden) {
    clearTimeout(retry);
    shut();
  } else {
    open();
  }
});
addEventListener('pagehide', shut);
addEventListener('pageshow', () => !document.hidden && open());

// What is sampled, and seen most, changes also when nothing comes.
setInterval(() => !document.hidden && drawCounts(), 1000);

main.hidden = byId('controls').hidden = false;
for (const kind of Object.keys(settings.kinds)) totals[kind] = 0;
readFilters();
if (!document.hidden) open();
