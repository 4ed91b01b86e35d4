// Every door to publish by, and every client that listens: each hears each message once, with the right payload.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as pusherJs from '../support.mjs';
import {
  answer,
  authorizing,
  backend,
  broadcast,
  clientOf,
  clients,
  collected,
  connected,
  fenced,
  joined,
  recorded,
  settled,
  subscribed,
  topicOf,
  unique,
} from './support.mjs';

const sdk = backend();

// Each opens, and gives what publishes a payload as an event in the channel.
const doors = {
  'the JSON API': async () => ({
    publish: (name, event, payload) => broadcast(event, { topic: name, payload: JSON.stringify(payload) }),
  }),
  'the Pusher HTTP API': async () => ({ publish: (name, event, payload) => sdk.trigger(name, event, payload) }),
  'a push of phoenix.js V1': async (t, name) => pushing(t, clientOf('1.2', 'WebSocket'), name),
  'a push of phoenix.js V2': async (t, name) => pushing(t, clientOf('1.8', 'WebSocket'), name),
  'a push of phoenix.js V1 over long-poll': async (t, name) => pushing(t, clientOf('1.2', 'long-poll'), name),
  'a push of phoenix.js V2 over long-poll': async (t, name) => pushing(t, clientOf('1.8', 'long-poll'), name),
  'a Pusher client event': async (t, name) => {
    const pusher = await pusherJs.connected(t, authorizing());
    const channel = await subscribed(pusher, name);
    return {
      publish: async (_, event, payload) => {
        assert.ok(channel.trigger(event, payload));
        await settled(pusher);
      },
    };
  },
};

const pushing = async (t, client, name) => {
  const channel = await joined(await connected(t, client), topicOf(name));
  return {
    publish: async (_, event, payload) => assert.deepEqual(await answer(channel.push(event, payload)), ['ok', {}]),
  };
};

const payload = { text: 'Grüße 🎉 "\\', number: 1.5, nested: { list: [1, null, true] } };

// Client events need a private channel and this prefix, which nobody else minds.
for (const [door, open] of Object.entries(doors)) {
  test(`what comes by ${door} reaches everyone once`, async (t) => {
    const name = unique('private-matrix');
    const event = unique('client-said');
    const { publish } = await open(t, name);
    const page = await subscribed(await pusherJs.connected(t, authorizing()), name);
    const channels = await Promise.all(
      clients.map(async (client) => joined(await connected(t, client), topicOf(name))),
    );
    const heardByPage = recorded(page);
    const heard = channels.map((channel) => collected(channel, event));

    await publish(name, event, payload);
    await pusherJs.fence(page);
    await fenced(...channels);

    assert.deepEqual(heardByPage.filter(([said]) => said === event), [[event, payload]], 'pusher-js');
    for (const [index, { name: listener }] of clients.entries()) assert.deepEqual(heard[index], [payload], listener);
  });
}

test('the JSON API takes parameters for the payload, and general for the topic', async (t) => {
  const event = unique('said');
  const page = await subscribed(await pusherJs.connected(t), 'general');
  const channel = await joined(await connected(t, clientOf('1.8', 'WebSocket')), topicOf('general'));
  const [heardByPage, heard] = [recorded(page), collected(channel, event)];
  await broadcast(event, { name: 'John', message: 'Hello' });
  await pusherJs.fence(page);
  await fenced(channel);
  assert.deepEqual(heardByPage.filter(([said]) => said === event), [[event, { name: 'John', message: 'Hello' }]]);
  assert.deepEqual(heard, [{ name: 'John', message: 'Hello' }]);
});

test('what is no object reaches phoenix.js as the data of one, and pusher-js as it is', async (t) => {
  const name = unique('matrix');
  const page = await subscribed(await pusherJs.connected(t), name);
  const channels = await Promise.all(clients.map(async (client) => joined(await connected(t, client), topicOf(name))));
  const heardByPage = recorded(page);
  const heard = channels.map((channel) => collected(channel, 'said'));
  const values = ['plain text', '7', '[1,2]', '"quoted"', 'null', '{broken'];
  for (const value of values) await sdk.trigger(name, 'said', value);
  await pusherJs.fence(page);
  await fenced(...channels);
  const expected = ['plain text', 7, [1, 2], 'quoted', null, '{broken'];
  assert.deepEqual(heardByPage.filter(([event]) => event === 'said').map(([, data]) => data), expected);
  for (const [index, { name: listener }] of clients.entries()) {
    assert.deepEqual(heard[index], expected.map((data) => ({ data })), listener);
  }
});

test('the socket that a publisher leaves out is left out, and nobody else', async (t) => {
  const name = unique('matrix');
  const author = await pusherJs.connected(t);
  const page = await subscribed(author, name);
  const channel = await joined(await connected(t, clientOf('1.8', 'WebSocket')), topicOf(name));
  const [heardByPage, heard] = [recorded(page), collected(channel, 'said')];
  await sdk.trigger(name, 'said', {}, { socket_id: author.connection.socket_id });
  await pusherJs.fence(page);
  await fenced(channel);
  assert.deepEqual(heardByPage.filter(([event]) => event === 'said'), []);
  assert.deepEqual(heard, [{}]);
});
