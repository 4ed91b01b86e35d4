// phoenix.js: bytes. 1.8 alone sends them; it hears them as bytes over a WebSocket, and all others as base64.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as pusherJs from '../support.mjs';
import { answer, arrival, clientOf, clients, connected, fenced, joined, topicOf, unique } from './support.mjs';

const bytes = Uint8Array.from({ length: 300 }, (_, number) => number % 256);
const encoded = { data: Buffer.from(bytes).toString('base64') };

// 1.3 and 1.4 ask for serializer 2.0.0 and cannot read its binary frames, whoever sends them.
const hearers = clients.filter(({ version, isPolling }) => isPolling || !['1.3', '1.4'].includes(version));
const senders = clients.filter(({ version }) => version === '1.8');

for (const sender of senders) {
  for (const hearer of hearers) {
    test(`bytes sent by ${sender.name} reach ${hearer.name}`, async (t) => {
      const topic = topicOf(unique('room'));
      const from = await joined(await connected(t, sender), topic);
      const to = await joined(await connected(t, hearer), topic);
      const arrived = arrival(to, 'picture');
      assert.deepEqual(await answer(from.push('picture', bytes.buffer)), ['ok', {}]);
      const heard = await arrived;
      if (hearer.version === '1.8' && !hearer.isPolling) {
        assert.ok(heard instanceof ArrayBuffer);
        assert.deepEqual(new Uint8Array(heard), bytes);
      } else {
        assert.deepEqual(heard, encoded);
      }
    });
  }

  test(`bytes sent by ${sender.name} reach pusher-js as base64`, async (t) => {
    const name = unique('room');
    const page = await pusherJs.subscribed(await pusherJs.connected(t), name);
    const arrived = pusherJs.next(page, 'picture');
    const from = await joined(await connected(t, sender), topicOf(name));
    from.push('picture', bytes.buffer);
    assert.equal((await arrived)[0], encoded.data);
  });

  test(`${sender.name}: bytes and text keep their order`, async (t) => {
    const channel = await joined(await connected(t, sender), topicOf(unique('room')));
    const heard = [];
    channel.on('picture', () => heard.push('picture'));
    channel.on('text', () => heard.push('text'));
    channel.push('picture', new ArrayBuffer(0));
    channel.push('text', {});
    channel.push('picture', bytes.buffer);
    await fenced(channel);
    assert.deepEqual(heard, ['picture', 'text', 'picture']);
  });

  test(`${sender.name}: bytes under a reserved name are refused`, async (t) => {
    const channel = await joined(await connected(t, sender), topicOf(unique('room')));
    const [status, response] = await answer(channel.push('phx_reply', bytes.buffer));
    assert.equal(status, 'error');
    assert.match(response.reason, /reserved/);
  });
}

test('a frame of bytes that is none closes the socket, and the client comes back', async (t) => {
  const socket = await connected(t, clientOf('1.8', 'WebSocket'));
  const channel = await joined(socket, topicOf(unique('room')));
  const reopened = new Promise((resolve) => socket.onOpen(resolve));
  const rejoined = new Promise((resolve) => channel.joinPush.receive('ok', resolve));
  socket.conn.send(new Uint8Array([0, 255, 255]));
  await reopened;
  await rejoined;
  await fenced(channel);
});
