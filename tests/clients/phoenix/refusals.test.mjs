// phoenix.js: what the server refuses, and that it says why.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';

import { WebSocket } from 'ws';

import {
  answer,
  bounded,
  clients,
  connected,
  directOf,
  fenced,
  foreignKey,
  joined,
  reported,
  server,
  siblingKey,
  signIn,
  socketOf,
  topicOf,
  unique,
} from './support.mjs';

const refusedAtTheDoor = [
  ['a token that is none', async () => ({ guardian_token: 'nonsense' })],
  ['a token with another signature', async () => ({ guardian_token: (await signIn()).replace(/.$/, (c) => (c === 'A' ? 'E' : 'A')) })],
  ['no token', async () => ({ guardian_token: '' })],
  ['an unknown application', async () => ({ app_key: 'nonsense' })],
  ['the application of nobody the user belongs to', async () => ({ app_key: foreignKey })],
  ['no user id', async () => ({ uid: '' })],
  ["another application than the token's", async () => ({ guardian_token: await signIn({ app_key: siblingKey }) })],
  ["another user than the token's", async () => ({ guardian_token: await signIn({ uid: 'alice' }), uid: 'bob' })],
];

for (const [what, params] of refusedAtTheDoor) {
  test(`${what} is refused with 403 on the upgrade, and in the answer to a poll`, async () => {
    const { uid = 'user', ...given } = await params();
    const query = new URLSearchParams({
      app_key: server.key,
      guardian_token: await signIn({ channel: true }),
      unique_identifier: uid,
      ...given,
      vsn: '2.0.0',
    });
    const place = `${server.host}:${server.port}/socket`;
    const socket = new WebSocket(`ws://${place}/websocket?${query}`);
    const [request, response] = await once(socket, 'unexpected-response');
    request.destroy();
    assert.equal(response.statusCode, 403);
    const poll = await fetch(`http://${place}/longpoll?${query}`);
    assert.equal((await poll.json()).status, 403);
  });

  for (const client of clients) {
    test(`${client.name}: ${what} opens no socket`, async (t) => {
      const socket = socketOf(t, client, await params());
      socket.onOpen(() => assert.fail('the socket was opened'));
      const before = reported.length;
      const refused = bounded('nothing happened', (resolve) => {
        socket.onError(resolve);
        // The older ones know no 403 as the answer to a poll, and throw: the page's console would have it.
        if (client.isPolling && client.version !== '1.8') {
          const timer = setInterval(() => reported.length > before && resolve(), 20);
          t.after(() => clearInterval(timer));
        }
      });
      socket.connect();
      await refused;
      assert.equal(socket.isConnected(), false);
    });
  }
}

for (const client of clients) {
  const refusedJoins = [
    ["another application's topic", () => `lobby:${siblingKey}`, /not of the application/],
    ["another user's direct topic", () => directOf('somebody-else'), /only open to the user it names/],
    ['a topic of no kind', () => 'elsewhere', /Invalid topic/],
    ['a topic whose name no channel may have', () => topicOf('no/slash'), /./],
  ];
  for (const [what, topic, reason] of refusedJoins) {
    test(`${client.name}: the join of ${what} is refused, and the socket stands`, async (t) => {
      const socket = await connected(t, client);
      const [status, response] = await answer(socket.channel(topic(), {}).join());
      assert.equal(status, 'error');
      assert.match(response.reason, reason);
      await fenced(await joined(socket, topicOf(unique('room'))));
    });
  }

  test(`${client.name}: a narrowed token opens its own topics alone`, async (t) => {
    const uid = unique('user');
    const prefix = unique('orders');
    const guardian_token = await signIn({ uid, app_key: server.key, topics: ['general', `${prefix}-*`] });
    const socket = await connected(t, client, { uid, guardian_token });
    await joined(socket, `lobby:${server.key}`);
    await joined(socket, directOf(uid));
    await fenced(await joined(socket, topicOf(`${prefix}-1`)));
    const [status, response] = await answer(socket.channel(topicOf(unique('room')), {}).join());
    assert.equal(status, 'error');
    assert.match(response.reason, /does not cover/);
  });

  for (const event of ['phx_reply', 'phx_error', 'phx_anything', 'presence_state', 'presence_diff', 'pusher:error']) {
    test(`${client.name}: a push of the reserved name ${event} is refused and reaches nobody`, async (t) => {
      const channel = await joined(await connected(t, client), topicOf(unique('room')));
      const other = await connected(t, client);
      const listening = await joined(other, channel.topic);
      const events = [];
      other.onMessage((message) => message.payload.forged && events.push(message.event));
      const [status, response] = await answer(channel.push(event, { forged: true }));
      assert.equal(status, 'error');
      assert.match(response.reason, /reserved/);
      await fenced(channel, listening);
      assert.deepEqual(events, []);
    });
  }

  test(`${client.name}: a push that is too large is refused, and the channel stands`, async (t) => {
    const channel = await joined(await connected(t, client), topicOf(unique('room')));
    const [status, response] = await answer(channel.push('said', { text: 'x'.repeat(10_240) }));
    assert.equal(status, 'error');
    assert.match(response.reason, /exceeds/);
    await fenced(channel);
  });
}
