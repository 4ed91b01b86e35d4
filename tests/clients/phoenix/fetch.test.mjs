// phoenix.js 1.8 over long-poll in a window that has fetch in the place of XMLHttpRequest, as a worker does.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';

import { answer, connected, fenced, joined, topicOf, unique } from './support.mjs';

globalThis.window = { fetch, AbortController };
const load = createRequire(import.meta.url);
delete load.cache[load.resolve('phoenix-1.8')];
const client = { name: 'phoenix.js 1.8 with fetch', isPolling: true, phoenix: load('phoenix-1.8') };

test('it joins, pushes and hears', async (t) => {
  const [one, two] = [await connected(t, client), await connected(t, client)];
  const topic = topicOf(unique('room'));
  const [own, other] = [await joined(one, topic), await joined(two, topic)];
  assert.deepEqual(await answer(own.push('said', {})), ['ok', {}]);
  await fenced(own, other);
  assert.deepEqual(await answer(own.leave()), ['ok', {}]);
});
