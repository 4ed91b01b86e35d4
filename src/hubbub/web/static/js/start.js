// Getting started: this page listens itself, as any client does, and counts who else does. It needs no library for
// that: the protocol of Pusher is small.

const COUNT_SECONDS = 2;
const SHOWN = 5; // of what has arrived
const AWAY = 4000; // from here to 4099: a client that is closed so is not to come back

const arrival = document.querySelector('[data-arrival]');
const arrived = document.querySelector('[data-arrived]');
const badge = document.querySelector('[data-listeners]');
const { key, channel, event: awaited, counts } = arrival.dataset;

let socket;
let isSubscribed = false;
let isRefused = false;
let wait = 1;
let received = 0;

function say(text, mood) {
  const place = arrival.querySelector('[data-text]');
  if (place.textContent !== text) place.textContent = text;
  arrival.classList.remove('is-listening', 'is-good', 'is-bad');
  arrival.classList.add(`is-${mood}`);
}

function done(id) {
  document.getElementById(id).classList.add('is-done');
}

function show(name, data) {
  received += 1;
  const line = document.createElement('li');
  const [time, what, payload] = ['span', 'strong', 'code'].map((tag) => document.createElement(tag));
  time.className = 'muted';
  time.textContent = new Date().toLocaleTimeString();
  what.textContent = name;
  payload.textContent = typeof data === 'string' ? data : JSON.stringify(data);
  line.append(time, what, payload);
  arrived.prepend(line);
  arrived.hidden = false;
  while (arrived.children.length > SHOWN) arrived.lastChild.remove();
  done('step-publish');
  done('step-arrive');
  say(name === awaited ? 'It arrived. All of it works.' : `“${name}” arrived. All of it works.`, 'good');
}

function send(name, data) {
  socket.send(JSON.stringify({ event: name, data }));
}

function hear({ data: text }) {
  const { event, data, channel: from } = JSON.parse(text);
  if (event === 'pusher:connection_established') {
    wait = 1;
    send('pusher:subscribe', { channel });
  } else if (event === 'pusher:ping') {
    send('pusher:pong', {});
  } else if (event === 'pusher:error') {
    const { message } = typeof data === 'string' ? JSON.parse(data) : data;
    say(`This page may not listen: ${message}`, 'bad');
    isRefused = true;
  } else if (event === 'pusher_internal:subscription_succeeded') {
    isSubscribed = true;
    if (!received) say('Waiting for your first event…', 'listening');
  } else if (from === channel && !event.startsWith('pusher')) {
    show(event, data);
  }
}

function listen() {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  isRefused = false;
  socket = new WebSocket(`${scheme}://${location.host}/app/${key}?protocol=7&client=hubbub-page&version=1`);
  socket.addEventListener('message', hear);
  socket.addEventListener('close', ({ code, reason }) => {
    isSubscribed = false;
    socket = undefined;
    if (code >= AWAY && code < AWAY + 100) {
      say(`This page may not listen: ${reason || code}`, 'bad');
      return;
    }
    if (document.hidden) return;
    if (!isRefused) say('The connection is lost. Trying again…', 'listening');
    setTimeout(() => socket ?? listen(), wait * 1000);
    wait = Math.min(wait * 2, 30);
  });
}

function tell(count) {
  badge.classList.add('is-told');
  badge.classList.toggle('good', count > 0);
  const text = count === 0 ? 'Nobody listens yet' : count === 1 ? 'One client listens' : `${count} clients listen`;
  const place = badge.querySelector('[data-text]');
  if (place.textContent !== text) place.textContent = text; // said again each time it is set
  if (count > 0) done('step-listen');
}

async function count() {
  try {
    const response = await fetch(counts, { headers: { Accept: 'application/json' } });
    if (!response.ok) return;
    const { subscriptions } = await response.json();
    // This page is no listener of its own.
    tell(Math.max(subscriptions - (isSubscribed ? 1 : 0), 0));
  } catch {
    // The server is away for a moment: the socket says so.
  }
}

document.querySelector('[data-hint]').hidden = false;
say('Connecting…', 'listening');
listen();
(async () => {
  for (;;) {
    if (!document.hidden) await count();
    await new Promise((resolve) => setTimeout(resolve, COUNT_SECONDS * 1000));
  }
})();

// A page that nobody looks at is no client.
document.addEventListener('visibilitychange', () => {
  if (document.hidden) socket?.close(1000);
  else if (!socket) listen();
});
