// phoenix.js: messages for one user.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  answer,
  arrival,
  broadcast,
  clients,
  collected,
  connected,
  directOf,
  fenced,
  joined,
  topicOf,
  unique,
} from './support.mjs';

for (const client of clients) {
  const user = async (t, uid = unique('user')) => {
    const socket = await connected(t, client, { uid });
    return { uid, socket, own: await joined(socket, directOf(uid)) };
  };

  test(`${client.name}: a direct message reaches its user alone, on every socket, and tells who sent it`, async (t) => {
    const room = topicOf(unique('room'));
    const [alice, bob, carol] = [await user(t), await user(t), await user(t)];
    const second = await user(t, bob.uid);
    const way = await joined(alice.socket, room);
    const overheard = [way, alice.own, carol.own].map((channel) => collected(channel, 'hello'));
    const [first, again] = [arrival(bob.own, 'hello'), arrival(second.own, 'hello')];
    const push = way.push('direct', { uid: bob.uid, event: 'hello', payload: { text: 'Hello' } });
    assert.deepEqual(await answer(push), ['ok', {}]);
    assert.deepEqual(await first, { text: 'Hello', from_uid: alice.uid });
    assert.deepEqual(await again, { text: 'Hello', from_uid: alice.uid });
    await fenced(way, alice.own, carol.own);
    assert.deepEqual(overheard, [[], [], []]);
  });

  test(`${client.name}: nobody signs a direct message with another's name`, async (t) => {
    const [alice, bob] = [await user(t), await user(t)];
    const arrived = arrival(bob.own, 'hello');
    alice.own.push('direct', { uid: bob.uid, event: 'hello', payload: { from_uid: 'the-king' } });
    assert.deepEqual(await arrived, { from_uid: alice.uid });
  });

  test(`${client.name}: a direct message without its parts, or of a reserved name, is refused`, async (t) => {
    const { own, uid } = await user(t);
    const bad = [{}, { uid }, { event: 'hello' }, { uid, event: 1 }, { uid, event: 'hello', payload: 'text' }];
    for (const payload of [...bad, { uid, event: 'phx_close', payload: {} }]) {
      const [status, response] = await answer(own.push('direct', payload));
      assert.equal(status, 'error', JSON.stringify(payload));
      assert.ok(response.reason);
    }
    await fenced(own);
  });

  test(`${client.name}: the JSON API reaches one user`, async (t) => {
    const [alice, bob] = [await user(t), await user(t)];
    const overheard = collected(alice.own, 'notice');
    const arrived = arrival(bob.own, 'notice');
    await broadcast('notice', { direct: true, uid: bob.uid, text: 'For you' });
    assert.deepEqual(await arrived, { text: 'For you' });
    await fenced(alice.own);
    assert.deepEqual(overheard, []);
  });
}
