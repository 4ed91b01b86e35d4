// pusher-js: end-to-end encrypted channels, with keys that the server never sees.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';

import nacl from 'tweetnacl';
import { WebSocket } from 'ws';

import { authorizing, backend, client, connected, next, rawSocket, subscribed, unique } from './support.mjs';

const sdk = backend();
const message = { text: 'for your eyes only 🎉', list: [1, 2, 3] };

// `pusher-js/with-encryption` is the build for pages: give it what a page has and it uses.
function pageBuild() {
  Object.assign(globalThis, {
    window: globalThis,
    self: globalThis,
    document: { body: {}, location: { protocol: 'http:' } },
    addEventListener() {},
    removeEventListener() {},
    WebSocket,
  });
  return createRequire(import.meta.url)('pusher-js/with-encryption');
}

test('the page build decrypts what the backend encrypted', async (t) => {
  const pusher = client(t, authorizing(), { Client: pageBuild() });
  const channel = await subscribed(pusher, unique('private-encrypted-room'));
  const arrived = next(channel, 'secret');
  await sdk.trigger(channel.name, 'secret', message);
  assert.deepEqual((await arrived)[0], message);
});

test('the Node build decrypts, given nacl', async (t) => {
  const channel = await subscribed(await connected(t, { ...authorizing(), nacl }), unique('private-encrypted-room'));
  const arrived = next(channel, 'secret');
  await sdk.trigger(channel.name, 'secret', message);
  assert.deepEqual((await arrived)[0], message);
});

test('a batch may hold encrypted events', async (t) => {
  const channel = await subscribed(await connected(t, { ...authorizing(), nacl }), unique('private-encrypted-room'));
  const arrived = next(channel, 'secret');
  await sdk.triggerBatch([{ channel: channel.name, name: 'secret', data: message }]);
  assert.deepEqual((await arrived)[0], message);
});

test('the wire carries ciphertext and no key', async (t) => {
  const name = unique('private-encrypted-room');
  const socket = await rawSocket(t);
  const { socket_id: socketId } = JSON.parse((await socket.frame()).data);
  const { auth } = sdk.authorizeChannel(socketId, name);
  socket.send('pusher:subscribe', { channel: name, auth });
  assert.equal((await socket.frame()).event, 'pusher_internal:subscription_succeeded');
  await sdk.trigger(name, 'secret', message);
  const { event, data } = await socket.frame();
  assert.equal(event, 'secret');
  const { nonce, ciphertext } = JSON.parse(data);
  const opened = nacl.secretbox.open(
    Buffer.from(ciphertext, 'base64'),
    Buffer.from(nonce, 'base64'),
    sdk.channelSharedSecret(name),
  );
  assert.deepEqual(JSON.parse(Buffer.from(opened)), message);
});

test('a client whose key has changed asks for the new one and goes on', async (t) => {
  const stale = backend({ encryptionMasterKeyBase64: Buffer.alloc(32, 1).toString('base64') });
  let asked = 0;
  const pusher = await connected(t, {
    nacl,
    channelAuthorization: {
      customHandler: ({ socketId, channelName }, callback) =>
        callback(null, (asked++ ? sdk : stale).authorizeChannel(socketId, channelName)),
    },
  });
  const channel = await subscribed(pusher, unique('private-encrypted-room'));
  const arrived = next(channel, 'secret');
  await sdk.trigger(channel.name, 'secret', message);
  assert.deepEqual((await arrived)[0], message);
  assert.equal(asked, 2);
});

test('an encrypted channel does not open without a signature', async (t) => {
  const pusher = await connected(t, {
    nacl,
    channelAuthorization: {
      customHandler: ({ socketId, channelName }, callback) =>
        callback(null, { ...sdk.authorizeChannel(socketId, channelName), auth: 'x:y' }),
    },
  });
  const channel = pusher.subscribe(unique('private-encrypted-room'));
  const [error] = await next(channel, 'pusher:subscription_error');
  assert.equal(error.type, 'AuthError');
});
