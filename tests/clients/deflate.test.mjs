// permessage-deflate with `ws`, which offers it unless told not to.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';

import { WebSocket } from 'ws';

import { backend, bounded, server, unique } from './support.mjs';

const orders = JSON.stringify(
  Array.from({ length: 150 }, (_, number) => ({ id: number * 7919, state: 'sent', name: `Order ${number} 🎉` })),
);
const url = `ws://${server.host}:${server.port}/app/${server.key}?protocol=7`;

// Opens a socket, and gives what waits for its next frame.
async function opened(t, options = {}) {
  const socket = new WebSocket(url, options);
  t.after(() => socket.close());
  const frames = [];
  const waiting = [];
  socket.addEventListener('message', ({ data }) => {
    const frame = JSON.parse(data);
    if (waiting.length) waiting.shift()(frame);
    else frames.push(frame);
  });
  const frame = () =>
    bounded('no frame', (resolve) => {
      if (frames.length) resolve(frames.shift());
      else waiting.push(resolve);
    });
  const { event, data } = await frame();
  assert.equal(event, 'pusher:connection_established');
  return { socket, frame, socketId: JSON.parse(data).socket_id };
}

async function subscribed(client, channel) {
  const data = channel.startsWith('private-')
    ? { channel, ...backend().authorizeChannel(client.socketId, channel) }
    : { channel };
  client.socket.send(JSON.stringify({ event: 'pusher:subscribe', data }));
  assert.equal((await client.frame()).event, 'pusher_internal:subscription_succeeded');
}

const clients = [
  ['ws', {}],
  ['ws, whose messages are all compressed', { perMessageDeflate: { threshold: 0 } }],
  ['ws with a small window', { perMessageDeflate: { serverMaxWindowBits: 10, clientMaxWindowBits: 10 } }],
  ['ws that asks for what we do', { perMessageDeflate: { serverNoContextTakeover: true, clientNoContextTakeover: true } }],
];

for (const [name, options] of clients) {
  test(`${name} hears large events as they were, and in order`, async (t) => {
    const client = await opened(t, options);
    assert.match(client.socket.extensions, /^permessage-deflate/);
    const channel = unique('orders');
    await subscribed(client, channel);
    for (let number = 0; number < 5; number++) {
      await backend().trigger(channel, `small-${number}`, 'x');
      await backend().trigger(channel, `large-${number}`, orders);
    }
    for (let number = 0; number < 5; number++) {
      assert.deepEqual(await client.frame(), { event: `small-${number}`, channel, data: 'x' });
      assert.deepEqual(await client.frame(), { event: `large-${number}`, channel, data: orders });
    }
  });

  test(`what ${name} compresses is heard by others`, async (t) => {
    const from = await opened(t, options);
    const to = await opened(t, { perMessageDeflate: false });
    assert.equal(to.socket.extensions, '');
    const channel = unique('private-room');
    await subscribed(from, channel);
    await subscribed(to, channel);
    for (const data of [orders, 'short', orders]) {
      from.socket.send(JSON.stringify({ event: 'client-said', channel, data }));
      assert.deepEqual(await to.frame(), { event: 'client-said', channel, data });
    }
  });
}

test('a large event takes a fraction of its bytes', async (t) => {
  const plain = await opened(t, { perMessageDeflate: false });
  const compressed = await opened(t);
  const channel = unique('orders');
  const taken = [];
  for (const client of [plain, compressed]) {
    const { _socket: tcp } = client.socket;
    await subscribed(client, channel);
    const before = tcp.bytesRead;
    await backend().trigger(channel, 'updated', orders);
    assert.equal((await client.frame()).data, orders);
    taken.push(tcp.bytesRead - before);
  }
  assert.ok(taken[0] > orders.length, `${taken}`);
  assert.ok(taken[1] < taken[0] / 4, `${taken}`);
});

test('a message that inflates to too much closes the connection', async (t) => {
  const { socket } = await opened(t, { perMessageDeflate: { threshold: 0 } });
  socket.send(' '.repeat(10_000_000));
  const [code] = await once(socket, 'close');
  assert.equal(code, 1009);
});
