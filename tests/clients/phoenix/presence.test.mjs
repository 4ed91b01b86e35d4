// phoenix.js: who is in a topic, as the client's own Presence sees it.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  answer,
  as,
  clients,
  connected,
  fenced,
  joined,
  presence,
  subscribed,
  topicOf,
  unique,
} from './support.mjs';
import { connected as pusherConnected, next } from '../support.mjs';

for (const client of clients) {
  const enter = async (t, topic, uid) => {
    const socket = await connected(t, client, { uid });
    let who;
    const channel = await joined(socket, topic, (unjoined) => (who = presence(client, unjoined)));
    return { socket, channel, who };
  };

  test(`${client.name}: users see each other come and go`, async (t) => {
    const topic = topicOf(unique('room'));
    const alice = await enter(t, topic, 'alice');
    await alice.who.until('alice');
    const bob = await enter(t, topic, 'bob');
    await Promise.all([alice.who.until('alice', 'bob'), bob.who.until('alice', 'bob')]);
    assert.deepEqual(alice.who.told, ['+alice', '+bob']);
    await answer(bob.channel.leave());
    await alice.who.until('alice');
    assert.deepEqual(alice.who.told, ['+alice', '+bob', '-bob']);
    await joined(bob.socket, topic);
    await alice.who.until('alice', 'bob');
    bob.socket.disconnect();
    // A polling client says nothing when it goes: the server waits for its next poll, which may take longer than others.
    const gone = alice.who.until('alice');
    await (client.isPolling ? gone.catch(() => alice.who.until('alice')) : gone);
  });

  test(`${client.name}: a user has one meta, with a ref and the time it came`, async (t) => {
    const before = Date.now();
    const { who } = await enter(t, topicOf(unique('room')), 'alice');
    await who.until('alice');
    const [meta, ...more] = who.metas('alice');
    assert.deepEqual(more, []);
    assert.deepEqual(Object.keys(meta).sort(), ['online_at', 'phx_ref']);
    assert.ok(meta.phx_ref);
    assert.ok(meta.online_at >= before - 1 && meta.online_at <= Date.now() + 1, String(meta.online_at));
  });

  test(`${client.name}: two sockets of a user are one, gone with the last`, async (t) => {
    const topic = topicOf(unique('room'));
    const alice = await enter(t, topic, 'alice');
    const [first, second] = [await enter(t, topic, 'bob'), await enter(t, topic, 'bob')];
    await alice.who.until('alice', 'bob');
    await second.who.until('alice', 'bob');
    await answer(first.channel.leave());
    await fenced(alice.channel);
    assert.deepEqual(alice.who.told, ['+alice', '+bob']);
    assert.equal(alice.who.metas('bob').length, 1);
    await answer(second.channel.leave());
    await alice.who.until('alice');
    assert.deepEqual(alice.who.told, ['+alice', '+bob', '-bob']);
  });

  test(`${client.name}: Pusher members of a presence channel are there too, and see this client`, async (t) => {
    const name = unique('presence-room');
    const ada = await pusherConnected(t, as('ada', { name: 'Ada' }));
    const room = await subscribed(ada, name);
    const added = next(room, 'pusher:member_added');
    const { who, channel } = await enter(t, topicOf(name), 'bob');
    await who.until('ada', 'bob');
    assert.deepEqual(who.metas('ada')[0].user_info, { name: 'Ada' });
    assert.equal((await added)[0].id, 'bob');
    const removed = next(room, 'pusher:member_removed');
    await answer(channel.leave());
    assert.equal((await removed)[0].id, 'bob');
    const { who: again } = await enter(t, topicOf(name), 'carol');
    await again.until('ada', 'carol');
    ada.unsubscribe(name);
    await again.until('carol');
  });
}
