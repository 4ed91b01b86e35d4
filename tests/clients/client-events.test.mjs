// pusher-js: events from client to client.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  as,
  authorizing,
  backend,
  connected,
  errorOf,
  eventually,
  fence,
  next,
  rawSocket,
  recorded,
  settled,
  subscribed,
  unique,
} from './support.mjs';

const pair = async (t, name) => {
  const clients = [await connected(t, as('1')), await connected(t, as('2'))];
  const channels = [await subscribed(clients[0], name), await subscribed(clients[1], name)];
  return { clients, channels };
};

for (const kind of ['private', 'presence']) {
  test(`members of a ${kind} channel hear each other and not themselves`, async (t) => {
    const { channels } = await pair(t, unique(`${kind}-room`));
    const [one, two] = channels;
    const [heardByOne, heardByTwo] = channels.map(recorded);
    const atTwo = next(two, 'client-typing');
    one.trigger('client-typing', { who: 'one' });
    assert.deepEqual((await atTwo)[0], { who: 'one' });
    const atOne = next(one, 'client-typing');
    two.trigger('client-typing', { who: 'two' });
    assert.deepEqual((await atOne)[0], { who: 'two' });
    await Promise.all(channels.map(fence));
    const whispers = (heard) => heard.filter(([event]) => event === 'client-typing').map(([, data]) => data.who);
    assert.deepEqual(whispers(heardByOne), ['two']);
    assert.deepEqual(whispers(heardByTwo), ['one']);
  });
}

test('a presence channel tells who sent a client event', async (t) => {
  const { channels } = await pair(t, unique('presence-room'));
  const arrived = next(channels[0], 'client-typing');
  channels[1].trigger('client-typing', {});
  assert.deepEqual((await arrived)[1], { user_id: '2' });
});

test('a private channel does not tell who sent a client event', async (t) => {
  const { channels } = await pair(t, unique('private-room'));
  const arrived = next(channels[0], 'client-typing');
  channels[1].trigger('client-typing', {});
  assert.deepEqual((await arrived)[1], {});
});

test('the sender of a client event cannot be forged', async (t) => {
  const { clients, channels } = await pair(t, unique('presence-room'));
  const arrived = next(channels[0], 'client-typing');
  clients[1].connection.send(
    JSON.stringify({ event: 'client-typing', channel: channels[1].name, data: {}, user_id: '1' }),
  );
  assert.deepEqual((await arrived)[1], { user_id: '2' });
});

test('data of every type arrives, as a string on the wire', async (t) => {
  const name = unique('private-room');
  const sender = await subscribed(await connected(t, authorizing()), name);
  const socket = await rawSocket(t);
  const { socket_id: socketId } = JSON.parse((await socket.frame()).data);
  socket.send('pusher:subscribe', { channel: name, ...backend().authorizeChannel(socketId, name) });
  assert.equal((await socket.frame()).event, 'pusher_internal:subscription_succeeded');
  for (const [data, text] of [
    [{ who: 'A' }, '{"who":"A"}'],
    [[1, 'two'], '[1,"two"]'],
    ['text', 'text'],
    ['"quoted" 🎉 \u0000', '"quoted" 🎉 \u0000'],
    [7, '7'],
    [false, 'false'],
    [null, 'null'],
  ]) {
    sender.trigger('client-data', data);
    assert.deepEqual(await socket.frame(), { event: 'client-data', channel: name, data: text });
  }
});

const refused = [
  ['on a public channel', 'room', 'client-typing', 'Client event rejected - only supported on private and presence channels'],
  [
    'without the prefix',
    'private-room',
    'typing',
    "Client event rejected - client events must be prefixed by 'client-'",
  ],
];
for (const [what, room, event, message] of refused) {
  test(`a client event ${what} is refused and reaches nobody`, async (t) => {
    const { clients, channels } = await pair(t, unique(room));
    const heard = recorded(channels[1]);
    const error = errorOf(clients[0]);
    clients[0].send_event(event, { who: 'A' }, channels[0].name);
    assert.deepEqual(await error, { code: null, message });
    await fence(channels[1]);
    assert.deepEqual(heard.filter(([name]) => name === event), []);
    assert.equal(clients[0].connection.state, 'connected');
  });
}

test('only subscribers may send client events', async (t) => {
  const name = unique('private-room');
  const channel = await subscribed(await connected(t, authorizing()), name);
  const heard = recorded(channel);
  const stranger = await connected(t);
  const error = errorOf(stranger);
  stranger.send_event('client-typing', {}, name);
  assert.equal((await error).code, null);
  await fence(channel);
  assert.deepEqual(heard.filter(([event]) => event === 'client-typing'), []);
});

test('more than ten client events in a second are refused with 4301, and the next second is new', async (t) => {
  const { clients, channels } = await pair(t, unique('private-room'));
  const [sender, receiver] = channels;
  const heard = recorded(receiver);
  const error = errorOf(clients[0], ({ code }) => code === 4301);
  for (let number = 0; number < 15; number++) sender.trigger('client-count', number);
  await error;
  await settled(clients[0]);
  await fence(receiver);
  const counted = heard.filter(([event]) => event === 'client-count').map(([, data]) => data);
  assert.deepEqual(counted, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.equal(clients[0].connection.state, 'connected');
  await eventually(async () => {
    sender.trigger('client-again', {});
    await settled(clients[0]);
    await fence(receiver);
    assert.ok(heard.some(([event]) => event === 'client-again'));
  });
});
