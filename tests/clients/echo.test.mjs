// Laravel Echo 2, as a Laravel page uses it: with the broadcasters "pusher" and "reverb", over a real backend.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import Echo from 'laravel-echo';
import Pusher from 'pusher-js';
import nacl from 'tweetnacl';

import { application, backend, bounded, clientOptions, server, unique } from './support.mjs';

const sdk = backend();

// The user is whoever the bearer token names, as a Laravel backend would have it.
const users = (channel, request) => {
  if (channel.includes('forbidden')) throw 403;
  if (!channel.startsWith('presence-')) return undefined;
  const user_id = request.headers.authorization.replace('Bearer ', '');
  return { user_id, user_info: { id: user_id, name: `user ${user_id}` } };
};

async function page(t, broadcaster, { user = '1', signedBy = sdk, ...options } = {}) {
  const app = await application(t, users, { pusher: signedBy });
  const { cluster, ...common } = clientOptions();
  const echo = new Echo({
    broadcaster,
    Pusher,
    key: server.key,
    nacl,
    authEndpoint: `${app.url}/broadcasting/auth`,
    auth: { headers: {} }, // or all instances share Echo's default, and with it the last one's bearer token
    bearerToken: user,
    ...common,
    ...(broadcaster === 'pusher' ? { cluster } : {}), // Echo itself gives one to pusher-js for "reverb"
    ...options,
  });
  t.after(() => echo.disconnect());
  return { echo, app };
}

const call = (complaint, listen) => bounded(complaint, (resolve) => listen((...given) => resolve(given)));
const open = (channel) => call(`${channel.name} did not open`, (done) => channel.subscribed(done)).then(() => channel);

for (const broadcaster of ['pusher', 'reverb']) {
  test(`${broadcaster}: a public channel brings events by plain and by namespaced name`, async (t) => {
    const { echo } = await page(t, broadcaster);
    const channel = await open(echo.channel(unique('orders')));
    const shipped = call('no OrderShipped', (done) => channel.listen('OrderShipped', done));
    const plain = call('no order.paid', (done) => channel.listen('.order.paid', done));
    const rooted = call('no Other\\Thing', (done) => channel.listen('\\Other\\Thing', done));
    await sdk.trigger(channel.name, 'App\\Events\\OrderShipped', { order: 1 });
    await sdk.trigger(channel.name, 'order.paid', { order: 2 });
    await sdk.trigger(channel.name, 'Other\\Thing', { order: 3 });
    assert.deepEqual(await shipped, [{ order: 1 }, {}]);
    assert.deepEqual((await plain)[0], { order: 2 });
    assert.deepEqual((await rooted)[0], { order: 3 });
  });

  test(`${broadcaster}: listenToAll sees every event, namespaced ones by their short name`, async (t) => {
    const { echo } = await page(t, broadcaster);
    const channel = await open(echo.channel(unique('orders')));
    const seen = [];
    const last = call('no last event', (done) =>
      channel.listenToAll((event, data) => {
        seen.push([event, data]);
        if (event === '.last') done();
      }),
    );
    await sdk.trigger(channel.name, 'App\\Events\\OrderShipped', 1);
    await sdk.trigger(channel.name, 'last', 2);
    await last;
    assert.deepEqual(seen, [
      ['OrderShipped', 1],
      ['.last', 2],
    ]);
  });

  test(`${broadcaster}: a private channel opens with the backend's word and brings notifications`, async (t) => {
    const { echo, app } = await page(t, broadcaster, { user: '7' });
    const channel = await open(echo.private(unique('App.Models.User.7')));
    const notified = call('no notification', (done) => channel.notification(done));
    const type = 'Illuminate\\Notifications\\Events\\BroadcastNotificationCreated';
    await sdk.trigger(channel.name, type, { id: 'n1', type: 'InvoicePaid' });
    assert.deepEqual((await notified)[0], { id: 'n1', type: 'InvoicePaid' });
    assert.equal(app.requests[0].url, '/broadcasting/auth');
    assert.equal(app.requests[0].headers.authorization, 'Bearer 7');
  });

  test(`${broadcaster}: an encrypted channel decrypts`, async (t) => {
    const { echo } = await page(t, broadcaster);
    const channel = await open(echo.encryptedPrivate(unique('vault')));
    const opened = call('no secret', (done) => channel.listen('.secret', done));
    await sdk.trigger(channel.name, 'secret', { text: '🎉' });
    assert.deepEqual((await opened)[0], { text: '🎉' });
  });

  test(`${broadcaster}: a presence channel tells who is here, joins and leaves`, async (t) => {
    const room = unique('room');
    const [{ echo: ada }, { echo: bob }] = [await page(t, broadcaster), await page(t, broadcaster, { user: '2' })];
    const channel = ada.join(room);
    const [here] = await call('here was not called', (done) => channel.here(done));
    assert.deepEqual(here, [{ id: '1', name: 'user 1' }]);
    const joining = call('nobody joined', (done) => channel.joining(done));
    const leaving = call('nobody left', (done) => channel.leaving(done));
    const [both] = await call('here was not called', (done) => bob.join(room).here(done));
    assert.deepEqual(both.map(({ id }) => id).sort(), ['1', '2']);
    assert.deepEqual(await joining, [{ id: '2', name: 'user 2' }]);
    bob.leave(room);
    assert.deepEqual(await leaving, [{ id: '2', name: 'user 2' }]);
  });

  for (const kind of ['private', 'join']) {
    test(`${broadcaster}: whispers on a ${kind} channel reach the others`, async (t) => {
      const room = unique('room');
      const [{ echo: ada }, { echo: bob }] = [await page(t, broadcaster), await page(t, broadcaster, { user: '2' })];
      const [one, two] = [await open(ada[kind](room)), await open(bob[kind](room))];
      const heard = call('no whisper', (done) => two.listenForWhisper('typing', done));
      one.whisper('typing', { name: 'Ada' });
      assert.deepEqual((await heard)[0], { name: 'Ada' });
    });
  }

  test(`${broadcaster}: error() is called when the backend refuses`, async (t) => {
    const { echo } = await page(t, broadcaster);
    const [error] = await call('no error', (done) => echo.private(unique('forbidden')).error(done));
    assert.equal(error.status, 403);
  });

  test(`${broadcaster}: error() is called when the server refuses a signature`, async (t) => {
    const { echo } = await page(t, broadcaster, { signedBy: backend({ secret: 'not the secret' }) });
    const [error] = await call('no error', (done) => echo.private(unique('room')).error(done));
    assert.equal(error.type, 'AuthError');
    assert.equal(error.status, 401);
    assert.match(error.error, /^Invalid signature/);
    assert.equal(echo.connectionStatus(), 'connected');
  });

  test(`${broadcaster}: toOthers leaves out the page whose socket id the request named`, async (t) => {
    const name = unique('orders');
    const [{ echo: author }, { echo: reader }] = [await page(t, broadcaster), await page(t, broadcaster)];
    const [own, others] = [await open(author.channel(name)), await open(reader.channel(name))];
    const seen = [];
    const last = (channel, events) =>
      call('no last event', (done) =>
        channel.listenToAll((event) => {
          events?.push(event);
          if (event === '.last') done();
        }),
      );
    const heard = call('the reader heard nothing', (done) => others.listen('.saved', done));
    const ended = last(own, seen);
    await sdk.trigger(name, 'saved', { order: 1 }, { socket_id: author.socketId() });
    await sdk.trigger(name, 'last', {});
    assert.deepEqual((await heard)[0], { order: 1 });
    await ended;
    assert.deepEqual(seen, ['.last']);
  });

  test(`${broadcaster}: connectionStatus follows the connection`, async (t) => {
    const { echo } = await page(t, broadcaster);
    assert.equal(echo.connectionStatus(), 'connecting');
    const seen = [];
    await call('not connected', (done) =>
      echo.connector.onConnectionChange((status) => {
        seen.push(status);
        if (status === 'connected') done();
      }),
    );
    assert.match(echo.socketId(), /^\d+\.\d+$/);
    echo.disconnect();
    assert.equal(echo.connectionStatus(), 'disconnected');
    assert.equal(seen.at(-1), 'disconnected');
  });

  test(`${broadcaster}: a channel that was left can be joined again`, async (t) => {
    const { echo } = await page(t, broadcaster);
    const name = unique('orders');
    await open(echo.channel(name));
    echo.leave(name);
    const channel = await open(echo.channel(name));
    const heard = call('no event', (done) => channel.listen('.again', done));
    await sdk.trigger(name, 'again', {});
    await heard;
  });
}
