// What the tests of the JavaScript clients share: where the server is, how to wait, and an application's own backend.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';

import Pusher from 'pusher-js';
import PusherServer from 'pusher';
import { WebSocket } from 'ws';

export const LIMIT = 5_000; // milliseconds that anything may take

export const server = {
  host: process.env.SERVER_HOST,
  port: Number(process.env.SERVER_PORT),
  appId: process.env.SERVER_APP_ID,
  key: process.env.SERVER_KEY,
  secret: process.env.SERVER_SECRET,
};

export const masterKey = randomBytes(32).toString('base64');

// Tests share one server; each works in channels that no other test has.
let names = 0;
export const unique = (name) => `${name}-${process.pid}-${++names}`;

export const backend = (options = {}) =>
  new PusherServer({ ...server, useTLS: false, encryptionMasterKeyBase64: masterKey, ...options });

export const clientOptions = (options = {}) => ({
  cluster: 'self-hosted',
  wsHost: server.host,
  wsPort: server.port,
  forceTLS: false,
  enabledTransports: ['ws', 'wss'],
  ...options,
});

// Makes a client that ends with the test `t`.
export function client(t, options = {}, { key = server.key, Client = Pusher } = {}) {
  const pusher = new Client(key, clientOptions(options));
  t.after(() => pusher.disconnect());
  return pusher;
}

export async function connected(t, options) {
  const pusher = client(t, options);
  await state(pusher, 'connected');
  return pusher;
}

export async function state(pusher, wanted) {
  if (pusher.connection.state !== wanted) await next(pusher.connection, wanted);
}

// Waits for the next `event` of anything with bind() and unbind(), and gives what its listener was given.
export function next(target, event, accept = () => true) {
  return bounded(`no ${event} that was waited for`, (resolve) => {
    const listener = (...given) => {
      if (!accept(...given)) return;
      target.unbind(event, listener);
      resolve(given);
    };
    target.bind(event, listener);
  });
}

// Calls `start(resolve)` and gives what `resolve` is called with, or throws `complaint` when that takes too long.
export function bounded(complaint, start) {
  const { stack } = new Error(complaint);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${complaint} within ${LIMIT} ms\n${stack}`)), LIMIT);
    start((value) => {
      clearTimeout(timer);
      resolve(value);
    });
  });
}

// Asks again until `question()` no longer throws, and gives its answer.
export async function eventually(question) {
  const end = Date.now() + LIMIT;
  for (;;) {
    try {
      return await question();
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

export async function subscribed(pusher, name) {
  const channel = pusher.subscribe(name);
  if (!channel.subscribed) await next(channel, 'pusher:subscription_succeeded');
  return channel;
}

// Waits until the server has done all that `pusher` asked of it: it answers each client in order.
export async function settled(pusher) {
  await subscribed(pusher, unique('settled'));
}

// All that reaches a channel from now on, as [event, data]; Pusher's own events are left out.
export function recorded(channel) {
  const events = [];
  channel.bind_global((event, data) => {
    if (!event.startsWith('pusher:')) events.push([event, data]);
  });
  return events;
}

// Publishes a last event in `channel` and waits for it: whatever was sent there before has arrived, or never will.
export async function fence(channel) {
  const name = unique('fence');
  const arrived = next(channel, name);
  await backend().trigger(channel.name, name, {});
  await arrived;
}

export const errorOf = (pusher, accept = () => true) =>
  next(pusher.connection, 'error', (error) => error.type === 'PusherError' && accept(error.data)).then(
    ([error]) => error.data,
  );

// An application's own HTTP server, which says who may subscribe to what. `decide(channel, request)` gives the
// presence data, or undefined for other channels; it throws a status to refuse.
export async function application(t, decide = () => undefined, { pusher = backend() } = {}) {
  const requests = [];
  const listener = http.createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const form = new URLSearchParams(body);
    const channel = form.get('channel_name');
    requests.push({ url: request.url, headers: request.headers, channel, socketId: form.get('socket_id') });
    try {
      const answer = pusher.authorizeChannel(form.get('socket_id'), channel, decide(channel, request));
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    } catch (refusal) {
      response.writeHead(typeof refusal === 'number' ? refusal : 500).end(String(refusal));
    }
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  t.after(() => {
    listener.closeAllConnections();
    listener.close();
  });
  return { requests, url: `http://127.0.0.1:${listener.address().port}` };
}

// Authorizes in the page itself, as `customHandler` allows: `data` as for `application`.
export const authorizing = (decide = () => undefined, pusher = backend()) => ({
  channelAuthorization: {
    customHandler: ({ socketId, channelName }, callback) =>
      callback(null, pusher.authorizeChannel(socketId, channelName, decide(channelName))),
  },
});

export const as = (user_id, user_info) => authorizing((name) => (isPresence(name) ? { user_id, user_info } : undefined));

const isPresence = (name) => name.startsWith('presence-');

// A plain WebSocket, for what clients hide: frames as they are on the wire.
export async function rawSocket(t, path = `/app/${server.key}?protocol=7`) {
  const socket = new WebSocket(`ws://${server.host}:${server.port}${path}`);
  t.after(() => socket.terminate());
  const frames = [];
  const waiting = [];
  socket.on('message', (text, isBinary) => {
    assert.equal(isBinary, false, 'frames are text');
    const frame = JSON.parse(text);
    if (waiting.length) waiting.shift()(frame);
    else frames.push(frame);
  });
  return {
    send: (event, data) => socket.send(JSON.stringify({ event, data })),
    frame: () =>
      bounded('no frame', (resolve) => {
        if (frames.length) resolve(frames.shift());
        else waiting.push(resolve);
      }),
  };
}

export async function rejection(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  assert.fail('this was to be refused');
}
