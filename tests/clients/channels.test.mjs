// pusher-js: subscribing to public and private channels, and what events carry.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  application,
  authorizing,
  backend,
  client,
  connected,
  errorOf,
  fence,
  next,
  rawSocket,
  recorded,
  settled,
  subscribed,
  unique,
} from './support.mjs';

const sdk = backend();

test('a public channel brings what is published there', async (t) => {
  const channel = await subscribed(await connected(t), unique('news'));
  const arrived = next(channel, 'headline');
  await sdk.trigger(channel.name, 'headline', { title: 'Hello', words: [1, 2, 3] });
  assert.deepEqual((await arrived)[0], { title: 'Hello', words: [1, 2, 3] });
});

test('a channel whose name uses the whole alphabet works', async (t) => {
  const channel = await subscribed(await connected(t), `${unique('aZ09_-')}=@,.;`);
  await fence(channel);
});

test('every subscriber hears, in the order of publishing', async (t) => {
  const name = unique('ordered');
  const channels = await Promise.all(Array.from({ length: 5 }, async () => subscribed(await connected(t), name)));
  const heard = channels.map(recorded);
  for (let number = 0; number < 20; number++) await sdk.trigger(name, 'count', number);
  await Promise.all(channels.map(fence));
  const expected = Array.from({ length: 20 }, (_, number) => number);
  for (const events of heard) {
    assert.deepEqual(events.filter(([event]) => event === 'count').map(([, data]) => data), expected);
  }
});

test('one connection hears each of its channels under its own name', async (t) => {
  const pusher = await connected(t);
  const [one, two] = [await subscribed(pusher, unique('one')), await subscribed(pusher, unique('two'))];
  const [inOne, inTwo] = [recorded(one), recorded(two)];
  await sdk.trigger([one.name], 'first', 1);
  await sdk.trigger([two.name], 'second', 2);
  await Promise.all([fence(one), fence(two)]);
  assert.deepEqual(inOne[0], ['first', 1]);
  assert.deepEqual(inTwo[0], ['second', 2]);
});

test('after unsubscribing nothing comes', async (t) => {
  const pusher = await connected(t);
  const name = unique('left');
  const other = await subscribed(pusher, unique('other'));
  await subscribed(pusher, name);
  pusher.unsubscribe(name);
  await settled(pusher);
  const frames = [];
  pusher.connection.bind('message', (frame) => frames.push(frame));
  await sdk.trigger(name, 'missed', {});
  await fence(other);
  assert.deepEqual(frames.filter((frame) => frame.channel === name), []);
});

test('a channel that was left can be subscribed to again', async (t) => {
  const pusher = await connected(t);
  const name = unique('back');
  await subscribed(pusher, name);
  pusher.unsubscribe(name);
  await fence(await subscribed(pusher, name));
});

test('the connection named by socket_id is left out, on every channel', async (t) => {
  const name = unique('excluding');
  const [author, reader] = [await connected(t), await connected(t)];
  const [own, others] = [await subscribed(author, name), await subscribed(reader, name)];
  const [heardByAuthor, heardByReader] = [recorded(own), recorded(others)];
  await sdk.trigger(name, 'saved', 1, { socket_id: author.connection.socket_id });
  await Promise.all([fence(own), fence(others)]);
  assert.deepEqual(heardByReader[0], ['saved', 1]);
  assert.deepEqual(heardByAuthor.filter(([event]) => event === 'saved'), []);
});

test('a private channel opens with the signature of the application, asked for over HTTP', async (t) => {
  const app = await application(t);
  const pusher = await connected(t, { channelAuthorization: { endpoint: `${app.url}/pusher/auth`, transport: 'ajax' } });
  const channel = await subscribed(pusher, unique('private-room'));
  await fence(channel);
  assert.deepEqual(
    app.requests.map(({ channel, socketId }) => [channel, socketId]),
    [[channel.name, pusher.connection.socket_id]],
  );
});

test('a private channel opens with a signature from a custom handler', async (t) => {
  await fence(await subscribed(await connected(t, authorizing()), unique('private-room')));
});

test('an application that refuses is heard by the page, and the server is not asked', async (t) => {
  const app = await application(t, () => {
    throw 403;
  });
  const pusher = await connected(t, { channelAuthorization: { endpoint: app.url, transport: 'ajax' } });
  const channel = pusher.subscribe(unique('private-room'));
  const [error] = await next(channel, 'pusher:subscription_error');
  assert.equal(error.status, 403);
  assert.equal(pusher.connection.state, 'connected');
});

const refused = [
  ['a wrong signature', () => `${sdk.config.token.key}:${'0'.repeat(64)}`, /^Invalid signature: Expected HMAC SHA256 hex/],
  ['another key', () => `another-key:${'0'.repeat(64)}`, /^Invalid key in subscription auth data: 'another-key'$/],
  ['no signature', () => 'nothing', /^Invalid format: auth must have the format key:signature$/],
  [
    "another socket's signature",
    (_, name) => sdk.authorizeChannel('1.1', name).auth,
    /^Invalid signature: Expected HMAC SHA256 hex digest of \d+\.\d+:private-/,
  ],
];
for (const [what, auth, message] of refused) {
  test(`${what} does not open a private channel, and page and connection both hear why`, async (t) => {
    const pusher = await connected(t, {
      channelAuthorization: {
        customHandler: ({ socketId, channelName }, callback) => callback(null, { auth: auth(socketId, channelName) }),
      },
    });
    const error = errorOf(pusher);
    const channel = pusher.subscribe(unique('private-room'));
    const [refusal] = await next(channel, 'pusher:subscription_error');
    assert.equal(refusal.type, 'AuthError');
    assert.equal(refusal.status, 401);
    assert.match(refusal.error, message);
    const { code, message: text } = await error;
    assert.equal(code, null);
    assert.match(text, message);
    assert.equal(channel.subscribed, false);

    const frames = [];
    pusher.connection.bind('message', (frame) => frames.push(frame));
    await sdk.trigger(channel.name, 'secret', {});
    await fence(await subscribed(pusher, unique('open')));
    assert.deepEqual(frames.filter((frame) => frame.channel === channel.name), []);
    assert.equal(pusher.connection.state, 'connected');
  });
}

const passed = [
  '123',
  'true',
  'null',
  '',
  '"a\\"b"',
  'a"b\\c/d',
  '{"a": 1.0, "b":[ ]}',
  '{broken',
  'plain text',
  'emoji 🎉 and 日本語',
  'nul \u0000 and \u001f',
  'line\nbreak\u2028and\u2029more',
  '</script><!--',
  '\ud83c\udf89'.repeat(2_000),
];
const understood = (text) => {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
};
test('data reaches the page as the publisher gave it', async (t) => {
  const channel = await subscribed(await connected(t), unique('data'));
  const heard = recorded(channel);
  for (const text of passed) await sdk.trigger(channel.name, 'data', text);
  await fence(channel);
  assert.deepEqual(heard.slice(0, passed.length), passed.map((text) => ['data', understood(text)]));
});

test('data is the same string on the wire as in the request', async (t) => {
  const name = unique('data');
  const socket = await rawSocket(t);
  assert.equal((await socket.frame()).event, 'pusher:connection_established');
  socket.send('pusher:subscribe', { channel: name });
  assert.deepEqual(await socket.frame(), {
    event: 'pusher_internal:subscription_succeeded',
    channel: name,
    data: '{}',
  });
  for (const data of passed) {
    await sdk.trigger(name, 'data', data);
    assert.deepEqual(await socket.frame(), { event: 'data', channel: name, data });
  }
});

test('event names may hold anything that does not begin with pusher', async (t) => {
  const channel = await subscribed(await connected(t), unique('names'));
  const heard = recorded(channel);
  const names = ['App\\Events\\OrderShipped', '.dotted', 'with space', 'ünïcode 🎉', 'a"quote', 'client-from-server', '0'];
  for (const event of names) await sdk.trigger(channel.name, event, {});
  await fence(channel);
  assert.deepEqual(heard.map(([event]) => event).slice(0, names.length), names);
});

test('a subscription asked for before the connection stands is made when it does', async (t) => {
  const pusher = client(t);
  await fence(await subscribed(pusher, unique('early')));
});
