// The Node server SDK: publishing and asking over the signed HTTP API.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { as, backend, connected, fence, next, recorded, rejection, server, subscribed, unique } from './support.mjs';

const sdk = backend();
const limit = 10_240;

const json = async (request) => {
  const response = await request;
  assert.equal(response.status, 200);
  assert.match(response.headers.get('content-type'), /^application\/json/);
  return response.json();
};

const refusal = async (request) => {
  const { status, body } = await rejection(request);
  return [status, body];
};

const room = async (t, name, ...users) => {
  for (const user of users) await subscribed(await connected(t, as(user)), name);
  return name;
};

test('an event to one channel', async (t) => {
  const channel = await subscribed(await connected(t), unique('one'));
  const arrived = next(channel, 'event');
  assert.deepEqual(await json(sdk.trigger(channel.name, 'event', { hello: 'world' })), {});
  assert.deepEqual((await arrived)[0], { hello: 'world' });
});

test('an event to a hundred channels at once', async (t) => {
  const pusher = await connected(t);
  const names = Array.from({ length: 100 }, (_, number) => unique(`many-${number}`));
  const channels = [await subscribed(pusher, names[0]), await subscribed(pusher, names[99])];
  const arrived = channels.map((channel) => next(channel, 'event'));
  assert.deepEqual(await json(sdk.trigger(names, 'event', 'x')), {});
  await Promise.all(arrived);
});

test('a channel named twice hears once', async (t) => {
  const channel = await subscribed(await connected(t), unique('twice'));
  const heard = recorded(channel);
  await json(sdk.trigger([channel.name, channel.name], 'event', 1));
  await fence(channel);
  assert.deepEqual(heard.filter(([event]) => event === 'event'), [['event', 1]]);
});

test('an event to a channel where nobody is', async () => {
  assert.deepEqual(await json(sdk.trigger(unique('empty'), 'event', {})), {});
});

test('info asks for counts with the event, and what does not fit a channel is left out', async (t) => {
  const presence = await room(t, unique('presence-room'), '1', '2', '2');
  const open = unique('open');
  const answer = await json(sdk.trigger([presence, open], 'event', {}, { info: 'user_count' }));
  assert.deepEqual(answer, { channels: { [presence]: { user_count: 2 }, [open]: {} } });
});

test('a batch reaches its channels in order', async (t) => {
  const pusher = await connected(t);
  const [one, two] = [await subscribed(pusher, unique('one')), await subscribed(pusher, unique('two'))];
  const [inOne, inTwo] = [recorded(one), recorded(two)];
  const batch = [
    { channel: one.name, name: 'first', data: { n: 1 } },
    { channel: two.name, name: 'second', data: 'text' },
    { channel: one.name, name: 'third', data: [3] },
  ];
  assert.deepEqual(await json(sdk.triggerBatch(batch)), {});
  await Promise.all([fence(one), fence(two)]);
  assert.deepEqual(inOne.slice(0, 2), [
    ['first', { n: 1 }],
    ['third', [3]],
  ]);
  assert.deepEqual(inTwo[0], ['second', 'text']);
});

test('a batch leaves out a socket per event, and answers info by index', async (t) => {
  const name = unique('presence-room');
  const author = await connected(t, as('1'));
  const channel = await subscribed(author, name);
  const heard = recorded(channel);
  const answer = await json(
    sdk.triggerBatch([
      { channel: name, name: 'hidden', data: 1, socket_id: author.connection.socket_id, info: 'user_count' },
      { channel: name, name: 'seen', data: 2 },
    ]),
  );
  assert.deepEqual(answer, { batch: [{ user_count: 1 }, {}] });
  await fence(channel);
  assert.deepEqual(heard[0], ['seen', 2]);
});

test('channels lists what is occupied, by prefix and with counts', async (t) => {
  const prefix = unique('presence-list');
  const [a, b] = [await room(t, `${prefix}-a`, '1', '2'), await room(t, `${prefix}-b`, '1')];
  const params = { filter_by_prefix: prefix };
  assert.deepEqual(await json(sdk.get({ path: '/channels', params })), { channels: { [a]: {}, [b]: {} } });
  assert.deepEqual(await json(sdk.get({ path: '/channels', params: { ...params, info: 'user_count' } })), {
    channels: { [a]: { user_count: 2 }, [b]: { user_count: 1 } },
  });
  assert.deepEqual(await json(sdk.get({ path: '/channels', params: { filter_by_prefix: unique('none') } })), {
    channels: {},
  });
});

test('a channel that was left is no longer listed', async (t) => {
  const pusher = await connected(t);
  const name = unique('left');
  await subscribed(pusher, name);
  assert.equal((await json(sdk.get({ path: `/channels/${name}` }))).occupied, true);
  pusher.unsubscribe(name);
  await subscribed(pusher, unique('settled'));
  assert.equal((await json(sdk.get({ path: `/channels/${name}` }))).occupied, false);
});

test('one channel tells whether it is occupied and by how many', async (t) => {
  const name = await room(t, unique('presence-room'), '1', '2');
  const path = `/channels/${name}`;
  assert.deepEqual(await json(sdk.get({ path, params: { info: 'user_count' } })), { occupied: true, user_count: 2 });
  assert.deepEqual(await json(sdk.get({ path })), { occupied: true });
});

test('a channel whose name uses the whole alphabet can be asked about', async (t) => {
  const channel = await subscribed(await connected(t), `${unique('a')}=b@c,d.e;f_g-h`);
  assert.deepEqual(await json(sdk.get({ path: `/channels/${channel.name}` })), { occupied: true });
});

test('users lists the ids of a presence channel', async (t) => {
  const name = await room(t, unique('presence-room'), '1', '2', '2');
  const { users } = await json(sdk.get({ path: `/channels/${name}/users` }));
  assert.deepEqual(users.map(({ id }) => id).sort(), ['1', '2']);
  assert.deepEqual(await json(sdk.get({ path: `/channels/${unique('presence-empty')}/users` })), { users: [] });
});

test('an event to a user is accepted', async () => {
  assert.deepEqual(await json(sdk.sendToUser('42', 'event', {})), {});
});

test('data of exactly the limit passes, and one byte more does not', async (t) => {
  const channel = await subscribed(await connected(t), unique('size'));
  const arrived = next(channel, 'full');
  await json(sdk.trigger(channel.name, 'full', 'x'.repeat(limit)));
  assert.equal((await arrived)[0].length, limit);
  const text =
    'The data content of this event exceeds the allowed maximum (10240 bytes).' +
    ' See https://pusher.com/docs/channels/server_api/http-api#publishing-events for more info\n';
  assert.deepEqual(await refusal(sdk.trigger(channel.name, 'over', 'x'.repeat(limit + 1))), [413, text]);
  assert.deepEqual(await refusal(sdk.trigger(channel.name, 'over', 'é'.repeat(limit / 2) + 'x')), [413, text]);
  const batch = [{ channel: channel.name, name: 'over', data: 'x'.repeat(limit + 1) }];
  assert.deepEqual(await refusal(sdk.triggerBatch(batch)), [413, text]);
});

test('a batch of eleven is too large, and ten full events are not', async () => {
  const events = (count, data) => Array.from({ length: count }, () => ({ channel: unique('b'), name: 'e', data }));
  assert.deepEqual(await refusal(sdk.triggerBatch(events(11, ''))), [400, 'Batch too large (11 > 10)\n']);
  assert.deepEqual(await json(sdk.triggerBatch(events(10, '"'.repeat(limit)))), {});
});

test('nothing of a batch is sent when one of its events is refused', async (t) => {
  const channel = await subscribed(await connected(t), unique('batch'));
  const heard = recorded(channel);
  const batch = [
    { channel: channel.name, name: 'good', data: '' },
    { channel: channel.name, name: 'pusher:bad', data: '' },
  ];
  assert.equal((await refusal(sdk.triggerBatch(batch)))[0], 400);
  await fence(channel);
  assert.deepEqual(heard.filter(([event]) => event === 'good'), []);
});

test("questions that have no answer are refused in the service's words", async () => {
  const presenceOnly = 'Cannot retrieve the user count unless the channel is a presence channel\n';
  const ask = (path, info) => refusal(sdk.get({ path, params: info ? { info } : {} }));
  assert.deepEqual(await ask('/channels/open', 'user_count'), [400, presenceOnly]);
  assert.deepEqual(await ask('/channels/open/users'), [400, 'Users can only be retrieved for presence channels\n']);
  assert.deepEqual(await ask('/channels/open', 'subscription_count'), [
    400,
    'Cannot retrieve the subscription count because subscription counting is not enabled\n',
  ]);
  assert.deepEqual(await ask('/channels', 'user_count'), [
    400,
    'user_count may only be requested for presence channels' +
      ' - please supply filter_by_prefix begining with presence-\n',
  ]);
  assert.deepEqual(await ask('/nowhere'), [404, '404 NOT FOUND\n']);
});

test("events in Pusher's own name are refused", async () => {
  for (const event of ['pusher:subscribe', 'pusher_internal:member_added']) {
    assert.equal((await refusal(sdk.trigger(unique('room'), event, {})))[0], 400);
  }
});

test('a wrong secret, an unknown key and another app are refused with 401', async () => {
  const [status, body] = await refusal(backend({ secret: 'wrong' }).trigger('room', 'event', {}));
  assert.equal(status, 401);
  assert.match(body, /^Invalid signature: you should have sent HmacSHA256Hex\("POST\\n\/apps\//);
  assert.ok(!body.includes(server.secret), 'the answer does not hold the secret');
  assert.equal((await refusal(backend({ key: 'unknown' }).trigger('room', 'event', {})))[0], 401);
  assert.equal((await refusal(backend({ appId: '999' }).trigger('room', 'event', {})))[0], 401);
});
