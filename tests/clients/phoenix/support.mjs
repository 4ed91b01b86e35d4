// What the tests of phoenix.js share: four generations of it, each over both transports, and tokens for their sockets.

import { createRequire } from 'node:module';

import { WebSocket } from 'ws';
import xhr2 from 'xhr2';

import { bounded, server, unique } from '../support.mjs';

export * from '../support.mjs';

export const siblingKey = process.env.SIBLING_KEY; // of another application of the same organization
export const foreignKey = process.env.FOREIGN_KEY; // of an application that is of no organization

const organization = process.env.SERVER_ORGANIZATION;
const base = `http://${server.host}:${server.port}`;

// The window. What a listener throws is reported there and stops nobody, as in a browser.

export const reported = [];

class XMLHttpRequest extends xhr2 {
  dispatchEvent(event) {
    try {
      super.dispatchEvent(event);
    } catch (error) {
      reported.push(error);
    }
  }
}

globalThis.XMLHttpRequest = XMLHttpRequest; // 1.2 also looks for it there
globalThis.window = { WebSocket, XMLHttpRequest };

// The clients

const load = createRequire(import.meta.url);

export const generations = ['1.2', '1.3', '1.4', '1.8'].map((version) => ({
  version,
  isV1: version === '1.2',
  phoenix: load(`phoenix-${version}`),
}));

export const clients = generations.flatMap((generation) =>
  ['WebSocket', 'long-poll'].map((transport) => ({
    ...generation,
    name: `phoenix.js ${generation.version} over ${transport}`,
    isPolling: transport === 'long-poll',
  })),
);

export const clientOf = (version, transport) =>
  clients.find((client) => client.name === `phoenix.js ${version} over ${transport}`);

// Tokens

// A session token: the admin's own, or one for sockets alone when `narrowing` has anything.
export async function signIn(narrowing = {}) {
  const response = await fetch(`${base}/api/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token: process.env.SERVER_TOKEN, ...narrowing }),
  });
  if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`);
  return (await response.json()).jwt;
}

const admin = await signIn();
const jwt = await signIn({ channel: true });

// Publishes by the JSON API; `parameters` are the payload and what routes it.
export async function broadcast(event, parameters) {
  const url = `${base}/api/organizations/${organization}/applications/${server.key}/event/${event}`;
  const response = await fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
    body: JSON.stringify(parameters),
  });
  if (response.status !== 204) throw new Error(`${response.status} ${await response.text()}`);
}

// Sockets

export const topicOf = (name) => `lobby:${server.key}:${name}`;
export const directOf = (uid) => `lobby:${server.key}/uid:${uid}`;

// Makes a socket that ends with the test `t`, and does not connect it. `params` take the place of those that work.
export function socketOf(t, client, { uid = unique('user'), ...params } = {}, options = {}) {
  const socket = new client.phoenix.Socket(`ws://${server.host}:${server.port}/socket`, {
    params: { app_key: server.key, guardian_token: jwt, unique_identifier: uid, ...params },
    ...(client.isPolling && { transport: client.phoenix.LongPoll }),
    ...options,
  });
  socket.uid = uid;
  t.after(() => end(socket));
  return socket;
}

// Older generations leave their timers behind, which keep Node alive.
function end(socket) {
  const channels = [...socket.channels];
  socket.disconnect();
  socket.reconnectTimer.reset();
  for (const { rejoinTimer } of channels) rejoinTimer.reset();
  clearInterval(socket.heartbeatTimer);
}

export async function connected(t, client, params, options) {
  const socket = socketOf(t, client, params, options);
  await bounded(`${client.name} did not connect`, (resolve) => {
    socket.onOpen(resolve);
    socket.connect();
  });
  return socket;
}

// Gives ['ok' | 'error' | 'timeout', response] of a push, a join or a leave.
export const answer = (push) =>
  bounded('no reply', (resolve) => {
    for (const status of ['ok', 'error', 'timeout']) push.receive(status, (response) => resolve([status, response]));
  });

// Joins, and gives the channel, or throws the refusal.
export async function joined(socket, topic, prepare = () => undefined) {
  const channel = socket.channel(topic, {});
  prepare(channel);
  const [status, response] = await answer(channel.join());
  if (status !== 'ok') throw new Error(`${topic}: ${status} ${JSON.stringify(response)}`);
  return channel;
}

// Waits for the next `event` that `accept`s, and gives its payload.
export const arrival = (channel, event, accept = () => true) =>
  bounded(`no ${event} at ${channel.topic}`, (resolve) => {
    channel.on(event, (payload) => accept(payload) && resolve(payload));
  });

// All payloads of `event` that reach a channel from now on.
export function collected(channel, event) {
  const payloads = [];
  channel.on(event, (payload) => payloads.push(payload));
  return payloads;
}

// Publishes a last event in a channel and waits for it: whatever was sent there before has arrived, or never will.
export async function fenced(...channels) {
  const name = unique('fence');
  const arrivals = channels.map((channel) => arrival(channel, name));
  for (const topic of new Set(channels.map((channel) => channel.topic))) {
    const [status] = await answer(channels.find((channel) => channel.topic === topic).push(name, {}));
    if (status !== 'ok') throw new Error(`${topic}: the fence was refused`);
  }
  await Promise.all(arrivals);
}

// The client's own Presence at work on a channel that is not joined yet. The older ones are functions, the newer a class.
export function presence(client, channel) {
  const { Presence } = client.phoenix;
  const told = [];
  const waiting = new Set();
  const onJoin = (id, current) => told.push(current ? `+${id} again` : `+${id}`);
  const onLeave = (id, { metas }) => told.push(metas.length ? `-${id} once` : `-${id}`);
  let state = {};
  const synced = () => waiting.forEach((look) => look());
  if (typeof Presence === 'function') {
    const own = new Presence(channel);
    own.onJoin(onJoin);
    own.onLeave(onLeave);
    own.onSync(() => {
      state = own.state;
      synced();
    });
  } else {
    channel.on('presence_state', (said) => {
      state = Presence.syncState(state, said, onJoin, onLeave);
      synced();
    });
    channel.on('presence_diff', (diff) => {
      state = Presence.syncDiff(state, diff, onJoin, onLeave);
      synced();
    });
  }
  const ids = () => Presence.list(state, (id) => id).sort();
  return {
    told,
    ids,
    metas: (id) => state[id].metas,
    // Waits until exactly these are there.
    until: (...wanted) =>
      bounded(`never just ${wanted} at ${channel.topic}`, (resolve) => {
        const look = () => {
          if (ids().join() === [...wanted].sort().join()) resolve();
        };
        waiting.add(look);
        look();
      }),
  };
}
