// phoenix.js: connecting, joining, pushing, leaving.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  answer,
  arrival,
  bounded,
  clients,
  collected,
  connected,
  eventually,
  fenced,
  joined,
  server,
  socketOf,
  topicOf,
  unique,
} from './support.mjs';

for (const client of clients) {
  test(`${client.name}: a join is answered, and a push reaches everyone, the sender too`, async (t) => {
    const topic = topicOf(unique('room'));
    const [one, two] = [await connected(t, client), await connected(t, client)];
    const channel = one.channel(topic, {});
    assert.deepEqual(await answer(channel.join()), ['ok', {}]);
    const other = await joined(two, topic);
    const [own, heard] = [collected(channel, 'said'), collected(other, 'said')];
    const payload = { text: 'Grüße 🎉 "\\', nested: { list: [1, 2.5, null, true] } };
    assert.deepEqual(await answer(channel.push('said', payload)), ['ok', {}]);
    await fenced(channel, other);
    assert.deepEqual(own, [payload]);
    assert.deepEqual(heard, [payload]);
  });

  test(`${client.name}: what is pushed at once arrives in that order`, async (t) => {
    const channel = await joined(await connected(t, client), topicOf(unique('room')));
    const heard = collected(channel, 'said');
    for (let number = 0; number < 8; number++) channel.push('said', { number });
    await eventually(() => assert.equal(heard.length, 8));
    // The older ones poll with as many requests as there are messages, which overtake each other on their way.
    if (client.isPolling && client.version !== '1.8') heard.sort((one, other) => one.number - other.number);
    assert.deepEqual(heard, Array.from({ length: 8 }, (_, number) => ({ number })));
  });

  test(`${client.name}: what is joined and pushed before the socket stands is sent when it does`, async (t) => {
    const socket = socketOf(t, client);
    const channel = socket.channel(topicOf(unique('room')), {});
    const arrived = arrival(channel, 'early');
    const [join, push] = [channel.join(), channel.push('early', { first: true })];
    socket.connect();
    assert.deepEqual(await answer(join), ['ok', {}]);
    assert.deepEqual(await answer(push), ['ok', {}]);
    assert.deepEqual(await arrived, { first: true });
  });

  test(`${client.name}: the general topic has two names, each heard by its own`, async (t) => {
    const socket = await connected(t, client);
    const short = await joined(socket, `lobby:${server.key}`);
    const long = await joined(socket, topicOf('general'));
    const event = unique('said');
    const [heardByShort, heardByLong] = [collected(short, event), collected(long, event)];
    await answer(short.push(event, { by: 'short' }));
    await answer(long.push(event, { by: 'long' }));
    await fenced(short, long);
    assert.deepEqual(heardByShort, [{ by: 'short' }, { by: 'long' }]);
    assert.deepEqual(heardByLong, [{ by: 'short' }, { by: 'long' }]);
  });

  test(`${client.name}: one socket hears each topic under its own name`, async (t) => {
    const socket = await connected(t, client);
    const [one, two] = [await joined(socket, topicOf(unique('one'))), await joined(socket, topicOf(unique('two')))];
    const [inOne, inTwo] = [collected(one, 'said'), collected(two, 'said')];
    await answer(one.push('said', { in: 'one' }));
    await answer(two.push('said', { in: 'two' }));
    await fenced(one, two);
    assert.deepEqual(inOne, [{ in: 'one' }]);
    assert.deepEqual(inTwo, [{ in: 'two' }]);
  });

  test(`${client.name}: who has left hears nothing, and may come back`, async (t) => {
    const topic = topicOf(unique('room'));
    const [leaver, stayer] = [await connected(t, client), await connected(t, client)];
    const [left, stayed] = [await joined(leaver, topic), await joined(stayer, topic)];
    const messages = [];
    leaver.onMessage((message) => message.topic === topic && messages.push(message.event));
    const closed = bounded('no close', (resolve) => left.onClose(resolve));
    // phoenix.js answers its own leave at once: only the server's close tells that the server has obeyed.
    const gone = bounded('no phx_close', (resolve) => leaver.onMessage((message) => {
      if (message.topic === topic && message.event === 'phx_close') resolve();
    }));
    assert.deepEqual(await answer(left.leave()), ['ok', {}]);
    await closed;
    await gone;
    messages.length = 0;
    await answer(stayed.push('said', {}));
    await fenced(stayed);
    const back = await joined(leaver, topic);
    assert.ok(!messages.includes('said'), String(messages));
    const heard = collected(back, 'said');
    await answer(stayed.push('said', { again: true }));
    await fenced(back, stayed);
    assert.deepEqual(heard, [{ again: true }]);
  });

  test(`${client.name}: a second join of a topic takes the place of the first, which is closed`, async (t) => {
    const socket = await connected(t, client);
    const topic = topicOf(unique('room'));
    const first = await joined(socket, topic);
    const closed = bounded('no close', (resolve) => first.onClose(resolve));
    const second = await joined(socket, topic);
    await closed;
    assert.equal(second.state, 'joined');
    const heard = collected(second, 'said');
    await answer(second.push('said', {}));
    await fenced(second);
    assert.deepEqual(heard, [{}]);
  });

  test(`${client.name}: who disconnects may connect again`, async (t) => {
    const socket = await connected(t, client);
    await joined(socket, topicOf(unique('room')));
    await bounded('no disconnect', (resolve) => socket.disconnect(resolve));
    await bounded('no connection', (resolve) => {
      socket.onOpen(resolve);
      socket.connect();
    });
    await fenced(await joined(socket, topicOf(unique('room'))));
  });
}
