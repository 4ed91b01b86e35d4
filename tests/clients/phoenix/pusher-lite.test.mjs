// Hubbub's own client, as the server gives it to pages: `/js/pusher.js` in a page, `/js/pusher.mjs` as a module.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import vm from 'node:vm';

import { WebSocket } from 'ws';

import { bounded, broadcast, eventually, foreignKey, server, signIn, unique } from './support.mjs';

const place = `${server.host}:${server.port}`;
const jwt = await signIn({ channel: true });

const asset = async (path) => {
  const response = await fetch(`http://${place}/js/${path}`);
  assert.equal(response.status, 200);
  assert.match(response.headers.get('content-type'), /javascript/);
  return response.text();
};

// A page that has loaded the script from the server; `more` is what its window had before.
async function page(more = {}, href = `http://${place}/a/page`) {
  const window = vm.createContext({
    WebSocket,
    URL,
    TextEncoder,
    TextDecoder,
    console,
    setTimeout,
    clearTimeout,
    location: new URL(href),
    document: { currentScript: { src: `http://${place}/js/pusher.js` } },
    ...more,
  });
  vm.runInContext(await asset('pusher.js'), window);
  return window;
}

globalThis.WebSocket = WebSocket;
const { default: PusherLite } = await import(
  `data:text/javascript;base64,${Buffer.from(await asset('pusher.mjs')).toString('base64')}`
);

// What is not answered before a test ends keeps Node waiting for so long.
const socketOptions = { timeout: 2_000 };

const client = (t, uid, options = {}) => {
  const pusher = new PusherLite(server.key, { host: place, jwt, uniqueUserId: uid, socketOptions, ...options });
  t.after(() => pusher.disconnect());
  return pusher;
};

const older = (t, uid, options) => {
  const pusher = new PusherLite(place, server.key, jwt, uid, { socketOptions, ...options });
  t.after(() => pusher.disconnect());
  return pusher;
};

const joined = (pusher, topic, options = {}) =>
  bounded(`${topic} was not joined`, (resolve) => {
    const channel = pusher.subscribe(topic, { onSuccess: () => resolve(channel), ...options });
    pusher.joinAll();
  });

const joinedDirect = (pusher) =>
  bounded('the direct channel was not joined', (resolve) => {
    const channel = pusher.subscribeDirect({ onSuccess: () => resolve(channel) });
    pusher.joinAll();
  });

const arrival = (channel, event) => bounded(`no ${event}`, (resolve) => channel.bind(event, resolve));

test('a page finds it as window.PusherLite and by require, and where it came from is its host', async (t) => {
  const window = await page();
  assert.equal(window.require('pusher_lite').default, window.PusherLite);
  const pusher = new window.PusherLite(server.key, { jwt, uniqueUserId: 'page', socketOptions });
  t.after(() => pusher.disconnect());
  const channel = await joined(pusher, unique('room'));
  const arrived = arrival(channel, 'said');
  channel.trigger('said', { text: 'Hello' });
  assert.equal((await arrived).text, 'Hello');
});

test('a loader that the page has keeps its modules and its settings', async () => {
  const loader = Object.assign((name) => `module ${name}`, { config: () => 'configured' });
  const window = await page({ require: loader });
  assert.equal(window.require('jquery'), 'module jquery');
  assert.equal(window.require.config(), 'configured');
  assert.equal(window.require('pusher_lite').default, window.PusherLite);
});

test('a module that nobody knows is told as such', async () => {
  const { require } = await page();
  assert.throws(() => require('jquery'), /Cannot find module 'jquery'/);
});

for (const [host, ssl, href, url] of [
  ['example.com', undefined, 'http://page.test/', 'ws://example.com/socket'],
  ['example.com', undefined, 'https://page.test/', 'wss://example.com/socket'],
  ['example.com', true, 'http://page.test/', 'wss://example.com/socket'],
  ['example.com', false, 'https://page.test/', 'ws://example.com/socket'],
  ['example.com:4000/', undefined, 'http://page.test/', 'ws://example.com:4000/socket'],
  ['https://example.com:4000', undefined, 'http://page.test/', 'wss://example.com:4000/socket'],
  ['WS://example.com', undefined, 'https://page.test/', 'ws://example.com/socket'],
  ['wss://example.com/hubbub/', undefined, 'http://page.test/', 'wss://example.com/hubbub/socket'],
  ['//[::1]:4000', undefined, 'http://page.test/', 'ws://[::1]:4000/socket'],
  [undefined, undefined, 'https://page.test/', `ws://${place}/socket`],
  [undefined, true, 'http://page.test/', `wss://${place}/socket`],
]) {
  test(`host ${host} and ssl ${ssl} on ${href} make ${url}`, async (t) => {
    const { PusherLite: Client } = await page({ WebSocket: class {} }, href);
    const pusher = new Client('key', { host, ssl, jwt, uniqueUserId: 'page' });
    assert.equal(pusher.socket.endPointURL().split('/websocket?')[0], url);
  });
}

test('what is missing is named', () => {
  assert.throws(() => new PusherLite(), /the application's key is missing/);
  assert.throws(() => new PusherLite('key', { uniqueUserId: 'alice', host: place }), /jwt is missing/);
  assert.throws(() => new PusherLite('key', { jwt, host: place }), /uniqueUserId is missing/);
  assert.throws(() => new PusherLite('key', { jwt, uniqueUserId: 'alice' }), /give `host`/);
  assert.throws(() => new PusherLite(place, 'key', jwt), /uniqueUserId is missing/);
});

test('general is heard by its name, from pages and from the JSON API', async (t) => {
  const [alice, bob] = [client(t, unique('alice')), client(t, unique('bob'))];
  const [own, other] = [await joined(alice, 'general'), await joined(bob, 'general')];
  const event = unique('new_message');
  const [first, second] = [arrival(own, event), arrival(other, event)];
  own.trigger(event, { name: 'John', message: 'Hello' });
  assert.deepEqual(await first, { name: 'John', message: 'Hello' });
  assert.deepEqual(await second, { name: 'John', message: 'Hello' });
  const later = unique('new_message');
  const published = arrival(other, later);
  await broadcast(later, { name: 'Jane' });
  assert.deepEqual(await published, { name: 'Jane' });
});

test('a channel is the same one when subscribed to again, and its options are kept', async (t) => {
  const pusher = client(t, unique('alice'));
  const topic = unique('room');
  const channel = await joined(pusher, topic);
  assert.equal(pusher.subscribe(topic), channel);
  assert.equal(pusher.channels[topic], channel);
  assert.equal(channel.getTopic(), topic);
  pusher.joinAll();
});

test('bind and unbind are of one listener, or of all of an event', async (t) => {
  const channel = await joined(client(t, unique('alice')), unique('room'));
  const heard = [];
  const [one, two] = [() => heard.push('one'), () => heard.push('two')];
  assert.equal(channel.bind('said', one).bind('said', two), channel);
  const say = async () => {
    const fence = unique('fence');
    const arrived = arrival(channel, fence);
    channel.trigger('said');
    channel.trigger(fence);
    await arrived;
    return heard.splice(0);
  };
  assert.deepEqual(await say(), ['one', 'two']);
  channel.unbind('said', one);
  assert.deepEqual(await say(), ['two']);
  channel.bind('said', one).unbind('said');
  assert.deepEqual(await say(), []);
});

test('who comes and who goes is told, and getPresence knows who is there', async (t) => {
  const topic = unique('room');
  const [alice, bob] = [client(t, 'alice'), client(t, 'bob')];
  const told = [];
  const room = await joined(alice, topic, {
    onJoin: (uid, before) => told.push(`+${uid}${before ? ' again' : ''}`),
    onLeave: (uid, { metas }) => told.push(`-${uid} ${metas.length}`),
  });
  const other = await joined(bob, topic);
  await eventually(() => assert.deepEqual(Object.keys(room.getPresence()).sort(), ['alice', 'bob']));
  await eventually(() => assert.deepEqual(Object.keys(other.getPresence()).sort(), ['alice', 'bob']));
  assert.equal(room.getPresence().bob.metas.length, 1);
  await other.leave();
  await eventually(() => assert.deepEqual(Object.keys(room.getPresence()), ['alice']));
  assert.deepEqual(told, ['+alice', '+bob', '-bob 0']);
});

test('the hooks of the channel and of the client hear each state and diff, once getPresence knows it', async (t) => {
  const topic = unique('room');
  const [alice, bob] = [client(t, 'alice'), client(t, 'bob')];
  const told = [];
  const room = alice.subscribe(topic);
  room.presenceState = (state, channel) => told.push(['channel', Object.keys(state), Object.keys(channel.getPresence())]);
  alice.presenceState = (state, channel) => told.push(['client', Object.keys(state), Object.keys(channel.getPresence())]);
  await joined(alice, topic);
  await eventually(() => assert.equal(told.length, 2));
  assert.deepEqual(told.splice(0), [['channel', ['alice'], ['alice']], ['client', ['alice'], ['alice']]]);
  room.presenceDiff = ({ joins }) => told.push(['channel', Object.keys(joins)]);
  alice.presenceDiff = ({ joins }, channel) => told.push(['client', Object.keys(joins), Object.keys(channel.getPresence()).sort()]);
  await joined(bob, topic);
  await eventually(() => assert.equal(told.length, 2));
  assert.deepEqual(told, [['channel', ['bob']], ['client', ['bob'], ['alice', 'bob']]]);
});

test('a channel that was left can be subscribed to again, joined or not', async (t) => {
  const pusher = client(t, unique('alice'));
  const topic = unique('room');
  const never = pusher.subscribe(topic);
  await never.leave();
  const first = await joined(pusher, topic);
  assert.notEqual(first, never);
  first.bind('said', () => assert.fail('this channel was left'));
  await first.leave();
  assert.equal(pusher.channels[topic], undefined);
  const second = await joined(pusher, topic);
  const arrived = arrival(second, 'said');
  second.trigger('said');
  await arrived;
});

test('a direct message reaches its user, by way of any channel or of none', async (t) => {
  const [alice, bob] = [client(t, unique('alice')), client(t, unique('bob'))];
  const own = await joinedDirect(bob);
  const first = arrival(own, 'hello');
  alice.triggerDirect('hello', { text: 'One' }, bob.uniqueUserId);
  assert.deepEqual(await first, { text: 'One', from_uid: alice.uniqueUserId });
  const carol = client(t, unique('carol'));
  await joined(carol, unique('room'));
  const second = arrival(own, 'again');
  carol.triggerDirect('again', { text: 'Two' }, bob.uniqueUserId);
  assert.deepEqual(await second, { text: 'Two', from_uid: carol.uniqueUserId });
});

test('what the server refuses is heard', async (t) => {
  const pusher = client(t, unique('alice'));
  const refusal = await bounded('no refusal', (resolve) => {
    pusher.subscribe('not/a/name', { onError: resolve });
    pusher.joinAll();
  });
  assert.ok(refusal.reason);
  const channel = await joined(pusher, unique('room'));
  const { reason } = await bounded('no refusal', (resolve) => channel.trigger('phx_reply').receive('error', resolve));
  assert.match(reason, /reserved/);
});

test('the socket tells when it stands, and when it is refused', async (t) => {
  await bounded('no success', (resolve) => client(t, unique('alice'), { onSocketSuccess: resolve }));
  await bounded('no error', (resolve) => {
    const pusher = new PusherLite(foreignKey, { host: place, jwt, uniqueUserId: 'alice', onSocketError: resolve });
    t.after(() => pusher.disconnect());
  });
});

test('who disconnects may connect again, in the same channels, with a newer token', async (t) => {
  const pusher = client(t, unique('alice'));
  const channel = await joined(pusher, unique('room'));
  const rejoined = bounded('not joined again', (resolve) => pusher.subscribe(channel.getTopic(), { onSuccess: resolve }));
  pusher.disconnect();
  await eventually(() => assert.equal(pusher.socket.connectionState(), 'closed'));
  pusher.jwt = await signIn({ channel: true });
  pusher.connect();
  await rejoined;
  assert.ok(pusher.socket.endPointURL().includes(pusher.jwt));
});

test('options of the socket are passed on, and parameters among them are sent along', (t) => {
  const params = () => ({ more: 'yes', app_key: 'no' });
  const pusher = client(t, 'alice', { socketOptions: { timeout: 1234, params } });
  const { searchParams } = new URL(pusher.socket.endPointURL());
  assert.equal(pusher.socket.timeout, 1234);
  assert.equal(searchParams.get('more'), 'yes');
  assert.equal(searchParams.get('app_key'), server.key);
  assert.equal(searchParams.get('unique_identifier'), 'alice');
});

test('the older form joins general and the direct channel when it connects', async (t) => {
  const [alice, bob] = [unique('alice'), unique('bob')];
  const event = unique('new_message');
  const replies = [];
  const heard = await bounded('nothing heard', async (resolve) => {
    const receiver = older(t, bob, {
      privateEvents: { hello: (payload) => resolve(payload) },
      onSocketSuccess: (reply) => replies.push(reply),
    });
    receiver.connect();
    await eventually(() => assert.equal(replies.length, 2));
    const sender = older(t, alice, {});
    sender.listenTo(event, () => sender.triggerDirect('hello', { text: 'Hello' }, bob));
    sender.connect();
    sender.trigger(event, { name: 'John' });
  });
  assert.deepEqual(heard, { text: 'Hello', from_uid: alice });
});

test('the older form has one listener for an event, and its own names for who is there', async (t) => {
  const event = unique('new_message');
  const presences = [];
  const pusher = older(t, unique('alice'), { publicEvents: { [event]: () => assert.fail('replaced') } });
  pusher.listenTo('custom_presence_state', (all) => presences.push(all));
  const heard = await bounded('nothing heard', (resolve) => {
    pusher.listenTo(event, resolve);
    pusher.privateListenTo('hello', () => undefined);
    pusher.connect();
    pusher.trigger(event, { name: 'John' });
  });
  assert.deepEqual(heard, { name: 'John' });
  await eventually(() => assert.ok(pusher.uniqueUserId in pusher.getPresences()));
  assert.ok(pusher.uniqueUserId in presences[0]);
});

test('the older form tells of refused joins', async (t) => {
  const narrow = await signIn({ uid: 'alice', app_key: server.key, topics: ['elsewhere'] });
  const pusher = new PusherLite(place, server.key, narrow, 'alice', { socketOptions });
  t.after(() => pusher.disconnect());
  const refusal = await bounded('no refusal', (resolve) => {
    pusher.onSocketSuccess(() => undefined);
    pusher.onSocketError(resolve);
    pusher.connect();
  });
  assert.match(refusal.reason, /does not cover/);
});
