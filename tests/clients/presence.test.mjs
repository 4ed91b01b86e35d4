// pusher-js: who is in a presence channel.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { as, authorizing, connected, errorOf, fence, next, settled, subscribed, unique } from './support.mjs';

const comings = (channel) => {
  const seen = [];
  channel.bind('pusher:member_added', ({ id }) => seen.push(`+${id}`));
  channel.bind('pusher:member_removed', ({ id }) => seen.push(`-${id}`));
  return seen;
};

test('a member finds itself and the others', async (t) => {
  const name = unique('presence-room');
  await subscribed(await connected(t, as('1', { name: 'Ada' })), name);
  const { members } = await subscribed(await connected(t, as('2', { name: 'Bob' })), name);
  assert.equal(members.count, 2);
  assert.deepEqual(members.me, { id: '2', info: { name: 'Bob' } });
  assert.deepEqual(members.get('1'), { id: '1', info: { name: 'Ada' } });
  const all = {};
  members.each(({ id, info }) => (all[id] = info));
  assert.deepEqual(all, { 1: { name: 'Ada' }, 2: { name: 'Bob' } });
});

test('the others hear of a member that comes and goes, and it does not hear of itself', async (t) => {
  const name = unique('presence-room');
  const room = await subscribed(await connected(t, as('1')), name);
  const bob = await connected(t, as('2', { name: 'Bob' }));
  const own = bob.subscribe(name);
  const seenByBob = comings(own);
  const [added] = await next(room, 'pusher:member_added');
  assert.deepEqual(added, { id: '2', info: { name: 'Bob' } });
  assert.equal(room.members.count, 2);
  await fence(own);
  bob.unsubscribe(name);
  const [removed] = await next(room, 'pusher:member_removed');
  assert.deepEqual(removed, { id: '2', info: { name: 'Bob' } });
  assert.equal(room.members.count, 1);
  assert.deepEqual(seenByBob, []);
});

test('a member whose connection ends is gone', async (t) => {
  const name = unique('presence-room');
  const room = await subscribed(await connected(t, as('1')), name);
  const bob = await connected(t, as('2'));
  await subscribed(bob, name);
  const gone = next(room, 'pusher:member_removed');
  bob.disconnect();
  assert.equal((await gone)[0].id, '2');
});

test('two connections of one user are one member, gone with the last', async (t) => {
  const name = unique('presence-room');
  const room = await subscribed(await connected(t, as('1')), name);
  const seen = comings(room);
  const [first, second] = [await connected(t, as('2')), await connected(t, as('2'))];
  await subscribed(first, name);
  const { members } = await subscribed(second, name);
  assert.equal(members.count, 2);
  await fence(room);
  assert.deepEqual(seen, ['+2']);
  first.unsubscribe(name);
  await settled(first);
  await fence(room);
  assert.deepEqual(seen, ['+2']);
  const gone = next(room, 'pusher:member_removed');
  second.disconnect();
  await gone;
  assert.deepEqual(seen, ['+2', '-2']);
  assert.equal(room.members.count, 1);
});

test('a second connection of a user hears nothing of its own user', async (t) => {
  const name = unique('presence-room');
  const room = await subscribed(await connected(t, as('1')), name);
  const seen = comings(room);
  const other = await connected(t, as('1'));
  await subscribed(other, name);
  other.unsubscribe(name);
  await settled(other);
  await fence(room);
  assert.deepEqual(seen, []);
});

test('a numeric user_id is known by its digits', async (t) => {
  const { members } = await subscribed(await connected(t, as(10, { name: 'Mr. Channels' })), unique('presence-room'));
  assert.equal(members.count, 1);
  assert.deepEqual(Object.keys(members.members), ['10']);
  assert.deepEqual(members.me.info, { name: 'Mr. Channels' });
});

test('a member without user_info is a member', async (t) => {
  const name = unique('presence-room');
  const room = await subscribed(await connected(t, as('1')), name);
  assert.deepEqual(Object.keys(room.members.members), ['1']);
  const added = next(room, 'pusher:member_added');
  const { members } = await subscribed(await connected(t, as('2')), name);
  assert.equal((await added)[0].id, '2');
  assert.equal(members.count, 2);
});

test('ids and info hold any text', async (t) => {
  const name = unique('presence-room');
  const id = 'Zoë "Q" \\ 🎉 __proto__';
  const info = { '🎉': ['"', '\\', null, 1.5, { deep: true }] };
  const room = await subscribed(await connected(t, as('1')), name);
  const added = next(room, 'pusher:member_added');
  const { members } = await subscribed(await connected(t, as(id, info)), name);
  assert.deepEqual((await added)[0], { id, info });
  assert.deepEqual(members.me, { id, info });
});

test('a presence channel does not open without channel_data', async (t) => {
  const pusher = await connected(t, authorizing());
  const error = errorOf(pusher);
  const channel = unique('presence-room');
  const { auth } = await new Promise((resolve) =>
    pusher.config.channelAuthorizer({ channelName: channel, socketId: pusher.connection.socket_id }, (_, data) =>
      resolve(data),
    ),
  );
  pusher.send_event('pusher:subscribe', { channel, auth });
  const { code, message } = await error;
  assert.equal(code, null);
  assert.match(message, /is a presence channel and subscription must include channel_data/);
});

test('user_info that is no object is refused in the words of the service', async (t) => {
  const pusher = await connected(t, as('1', 'a string'));
  const error = errorOf(pusher);
  const channel = pusher.subscribe(unique('presence-room'));
  const [refusal] = await next(channel, 'pusher:subscription_error');
  const text =
    'user_info supplied to presence subscription is invalid - if supplied it must be a type of hash';
  assert.equal(refusal.error, text);
  assert.equal((await error).message, text);
});

test('members come back after a reconnect', async (t) => {
  const name = unique('presence-room');
  const room = await subscribed(await connected(t, as('1')), name);
  const bob = await connected(t, as('2'));
  const own = await subscribed(bob, name);
  const gone = next(room, 'pusher:member_removed');
  bob.disconnect();
  await gone;
  const back = next(room, 'pusher:member_added');
  bob.connect();
  await next(own, 'pusher:subscription_succeeded');
  await back;
  assert.equal(own.members.count, 2);
  assert.equal(room.members.count, 2);
});
