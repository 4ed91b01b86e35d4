// pusher-js: connecting, staying connected, being refused.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bounded, client, connected, next, settled, state, unique } from './support.mjs';

const changes = (pusher) => {
  const seen = [];
  pusher.connection.bind('state_change', ({ current }) => seen.push(current));
  return seen;
};

test('a client goes from connecting to connected and has a socket id', async (t) => {
  const pusher = client(t);
  assert.equal(pusher.connection.state, 'connecting');
  const seen = changes(pusher);
  await next(pusher.connection, 'connected');
  assert.deepEqual(seen, ['connected']);
  assert.match(pusher.connection.socket_id, /^\d+\.\d+$/);
});

test('each connection has a socket id of its own', async (t) => {
  const clients = await Promise.all(Array.from({ length: 20 }, () => connected(t)));
  assert.equal(new Set(clients.map((pusher) => pusher.connection.socket_id)).size, clients.length);
});

test('disconnecting and connecting again gives a new socket id and the subscriptions back', async (t) => {
  const pusher = await connected(t);
  const before = pusher.connection.socket_id;
  const channel = pusher.subscribe(unique('again'));
  await next(channel, 'pusher:subscription_succeeded');
  pusher.disconnect();
  assert.equal(pusher.connection.state, 'disconnected');
  pusher.connect();
  await next(channel, 'pusher:subscription_succeeded');
  assert.notEqual(pusher.connection.socket_id, before);
});

test('an unknown key is refused with 4001, and the client does not try again', async (t) => {
  const pusher = client(t, {}, { key: 'nobodys-key' });
  const seen = changes(pusher);
  const [error] = await next(pusher.connection, 'error');
  assert.equal(error.error.data.code, 4001);
  assert.match(error.error.data.message, /^App key nobodys-key not in this cluster/);
  await state(pusher, 'disconnected');
  // Only time shows that nothing happens: a client that was to come back would do so after a second at the latest.
  await new Promise((resolve) => setTimeout(resolve, 1_300));
  assert.deepEqual(seen, ['disconnected']);
});

test('a silent client pings, is answered, and stays connected', async (t) => {
  const pusher = client(t, { activityTimeout: 200, pongTimeout: 2_000 });
  await next(pusher.connection, 'connected');
  const before = pusher.connection.socket_id;
  const seen = changes(pusher);
  await bounded('three pongs did not come', (resolve) => {
    let pongs = 0;
    pusher.connection.bind('message', ({ event }) => {
      if (event === 'pusher:pong' && ++pongs === 3) resolve();
    });
  });
  assert.deepEqual(seen, []);
  assert.equal(pusher.connection.socket_id, before);
});

test('an event that only the server may send is refused and the connection stays', async (t) => {
  const pusher = await connected(t);
  const refused = next(pusher.connection, 'error');
  pusher.send_event('pusher_internal:member_added', { user_id: '1' }, unique('presence-room'));
  const [error] = await refused;
  assert.equal(error.data.code, null);
  await settled(pusher);
  assert.equal(pusher.connection.state, 'connected');
});
