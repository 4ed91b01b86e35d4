// pusher-js, and the Node SDK behind it: users who sign in, cache channels, and counts. The server has all of it on.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  authorizing,
  backend,
  client,
  connected,
  errorOf,
  eventually,
  fence,
  next,
  recorded,
  rejection,
  state,
  subscribed,
  unique,
} from './support.mjs';

// When the server closes a connection, the WebSocket within pusher-js's Node build goes on waiting for 30 s for the close
// that it has seen. That would keep this process alive; no test waits for it.
const begin = globalThis.setTimeout;
globalThis.setTimeout = (call, delay, ...given) => {
  const timer = begin(call, delay, ...given);
  return delay === 30_000 ? timer.unref() : timer;
};

const sdk = backend();

const signing = (id, more = {}, pusher = sdk) => ({
  userAuthentication: {
    customHandler: ({ socketId }, callback) => callback(null, pusher.authenticateUser(socketId, { id, ...more })),
  },
});

// Waits until a client is signed in and hears what is sent to its user.
const isHere = (pusher) => eventually(() => assert.ok(pusher.user.serverToUserChannel?.subscribed));

async function signedIn(t, id, { about, ...options } = {}) {
  const pusher = await connected(t, { ...signing(id, about), ...options });
  pusher.signin();
  await isHere(pusher);
  return pusher;
}

const json = async (request) => {
  const response = await request;
  assert.equal(response.status, 200);
  return response.json();
};

// Signing in

test('who signs in knows who it is', async (t) => {
  const id = unique('ada');
  const pusher = await connected(t, signing(id, { user_info: { name: 'Ada "Q" 🎉' } }));
  pusher.signin();
  await pusher.user.signinDonePromise;
  assert.deepEqual(pusher.user.user_data, { id, user_info: { name: 'Ada "Q" 🎉' } });
  assert.equal(pusher.connection.state, 'connected');
});

test('one may sign in before one is connected', async (t) => {
  const id = unique('ada');
  const pusher = client(t, signing(id));
  pusher.signin();
  await isHere(pusher);
  assert.equal(pusher.user.user_data.id, id);
});

test('a wrong signature signs nobody in, and the connection stays', async (t) => {
  const pusher = await connected(t, signing('ada', {}, backend({ secret: 'wrong' })));
  const error = errorOf(pusher);
  pusher.signin();
  const { code, message } = await error;
  assert.equal(code, null);
  assert.match(message, /^Invalid signature: Expected HMAC SHA256 hex digest of \d+\.\d+::user::/);
  assert.equal(pusher.user.user_data, null);
  assert.equal(pusher.connection.state, 'connected');
});

test('the user hears what is sent to it on all of its connections, and nobody else does', async (t) => {
  const id = unique('ada');
  const [tab, phone, other] = [await signedIn(t, id), await signedIn(t, id), await signedIn(t, unique('bob'))];
  const heard = [];
  other.user.bind('mail', () => heard.push('mail'));
  other.user.bind('end', () => heard.push('end'));
  const arrived = [tab, phone].map((pusher) => next(pusher.user, 'mail'));
  assert.deepEqual(await json(sdk.sendToUser(id, 'mail', { from: 'Bob' })), {});
  for (const event of arrived) assert.deepEqual((await event)[0], { from: 'Bob' });
  const end = next(other.user, 'end');
  await sdk.sendToUser(other.user.user_data.id, 'end', {});
  await end;
  assert.deepEqual(heard, ['end']);
});

test('after a reconnect the client signs in again', async (t) => {
  const id = unique('ada');
  const pusher = await signedIn(t, id);
  const first = pusher.connection.socket_id;
  pusher.disconnect();
  await state(pusher, 'disconnected');
  pusher.connect();
  await state(pusher, 'connected');
  await isHere(pusher);
  assert.notEqual(pusher.connection.socket_id, first);
  const arrived = next(pusher.user, 'mail');
  await sdk.sendToUser(id, 'mail', 1);
  assert.equal((await arrived)[0], 1);
});

// Presence by sign-in

test('a signed-in user is a member of presence channels without channel_data', async (t) => {
  const name = unique('presence-room');
  const [ada, bob] = [unique('ada'), unique('bob')];
  const about = { user_info: { name: 'Ada' } };
  const room = await subscribed(await signedIn(t, ada, { about, ...authorizing() }), name);
  assert.deepEqual(room.members.me, { id: ada, info: { name: 'Ada' } });
  const added = next(room, 'pusher:member_added');
  const other = await subscribed(await signedIn(t, bob, authorizing()), name);
  assert.equal((await added)[0].id, bob);
  assert.equal(other.members.count, 2);
  assert.deepEqual(other.members.get(ada), { id: ada, info: { name: 'Ada' } });
  const said = next(other, 'client-hello');
  room.trigger('client-hello', {});
  assert.deepEqual((await said)[1], { user_id: ada });
});

test('channel_data wins over the sign-in', async (t) => {
  const guest = authorizing((name) => (name.startsWith('presence-') ? { user_id: 'guest' } : undefined));
  const { members } = await subscribed(await signedIn(t, unique('ada'), guest), unique('presence-room'));
  assert.equal(members.me.id, 'guest');
});

// Watchlists

test('who watches others hears that they come and go', async (t) => {
  const [ada, bob] = [unique('ada'), unique('bob')];
  await signedIn(t, bob);
  const watcher = await connected(t, signing(unique('w'), { watchlist: [ada, bob] }));
  const told = [];
  for (const name of ['online', 'offline']) {
    watcher.user.watchlist.bind(name, (event) => told.push([event.name, event.user_ids]));
  }
  watcher.signin();
  await eventually(() => assert.equal(told.length, 2));
  assert.deepEqual(told, [
    ['online', [bob]],
    ['offline', [ada]],
  ]);
  const online = next(watcher.user.watchlist, 'online');
  const [one, two] = [await signedIn(t, ada), await signedIn(t, ada)];
  assert.deepEqual((await online)[0].user_ids, [ada]);
  const offline = next(watcher.user.watchlist, 'offline');
  one.disconnect();
  two.disconnect();
  assert.deepEqual((await offline)[0].user_ids, [ada]);
  assert.equal(told.length, 4);
});

test('a watchlist that is too long is told by its code', async (t) => {
  const watchlist = Array.from({ length: 101 }, (_, number) => `user-${number}`);
  const pusher = await connected(t, signing(unique('w'), { watchlist }));
  const error = errorOf(pusher);
  pusher.signin();
  assert.equal((await error).code, 4302);
  assert.equal(pusher.connection.state, 'connected');
  await isHere(pusher);
});

// Terminating

test('the connections of a user are terminated, and the client stays away until it is told to come back', async (t) => {
  const id = unique('ada');
  const [tab, phone, other] = [await signedIn(t, id), await signedIn(t, id), await signedIn(t, unique('bob'))];
  const codes = [tab, phone].map((pusher) => errorOf(pusher).then(({ code }) => code));
  assert.deepEqual(await json(sdk.terminateUserConnections(id)), {});
  for (const pusher of [tab, phone]) await state(pusher, 'disconnected');
  assert.deepEqual(await Promise.all(codes), [4009, 4009]);
  assert.equal(other.connection.state, 'connected');
  assert.equal(tab.user.user_data, null);
  tab.connect();
  await state(tab, 'connected');
  await isHere(tab);
  assert.equal(tab.user.user_data.id, id);
});

test('to terminate nobody is no error, and to do so with a wrong secret is', async () => {
  assert.deepEqual(await json(sdk.terminateUserConnections(unique('nobody'))), {});
  assert.equal((await rejection(backend({ secret: 'wrong' }).terminateUserConnections('ada'))).status, 401);
});

// Cache channels

for (const prefix of ['cache-', 'private-cache-', 'presence-cache-']) {
  test(`a ${prefix} channel tells that it is empty, and shows its last event to who comes later`, async (t) => {
    const name = unique(`${prefix}news`);
    const options = authorizing((channel) => (channel.startsWith('presence-') ? { user_id: '1' } : undefined));
    const first = (await connected(t, options)).subscribe(name);
    const missed = next(first, 'pusher:cache_miss');
    await missed;
    assert.equal(first.subscribed, true);
    const arrived = next(first, 'headline');
    await sdk.trigger(name, 'headline', { text: 'Hello' });
    assert.deepEqual((await arrived)[0], { text: 'Hello' });
    const late = (await connected(t, options)).subscribe(name);
    const misses = [];
    late.bind('pusher:cache_miss', () => misses.push(1));
    assert.deepEqual((await next(late, 'headline'))[0], { text: 'Hello' });
    const events = recorded(late);
    await fence(late);
    assert.equal(events.length, 1);
    assert.deepEqual(misses, []);
    const told = await json(sdk.get({ path: `/channels/${name}`, params: { info: 'cache' } }));
    assert.equal(told.cache.data, '{}', 'the fence');
    assert.ok(told.cache.ttl > 0);
  });
}

// Counts

test('who is in a channel knows how many they are', async (t) => {
  const name = unique('counted');
  const first = await connected(t);
  const channel = first.subscribe(name);
  const counts = [];
  channel.bind('pusher:subscription_count', ({ subscription_count: count }) => counts.push(count));
  await next(channel, 'pusher:subscription_count');
  assert.equal(channel.subscriptionCount, 1);
  const second = await connected(t);
  const other = second.subscribe(name);
  await next(other, 'pusher:subscription_count');
  assert.equal(other.subscriptionCount, 2);
  await eventually(() => assert.equal(channel.subscriptionCount, 2));
  second.unsubscribe(name);
  await eventually(() => assert.equal(channel.subscriptionCount, 1));
  assert.deepEqual(counts, [1, 2, 1]);
  const told = await json(sdk.get({ path: `/channels/${name}`, params: { info: 'subscription_count' } }));
  assert.equal(told.subscription_count, 1);
  assert.deepEqual(await json(sdk.trigger(name, 'e', {}, { info: 'subscription_count' })), {
    channels: { [name]: { subscription_count: 1 } },
  });
});

test('a presence channel has members and no such count', async (t) => {
  const options = authorizing((name) => (name.startsWith('presence-') ? { user_id: '1' } : undefined));
  const channel = await subscribed(await connected(t, options), unique('presence-room'));
  await fence(channel);
  assert.equal(channel.subscriptionCount, undefined);
});
