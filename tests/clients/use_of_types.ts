// A page in TypeScript, for test_client_build.py: compiled as an ES module and as CommonJS, never run.

import PusherLite from 'hubbub-pusher-lite';
import type { PresenceDiff, Presences, PusherLiteChannel, PusherLiteOptions } from 'hubbub-pusher-lite';

const options: PusherLiteOptions = {
  host: 'localhost:4000',
  jwt: 'eyJ…',
  uniqueUserId: 'alice',
  ssl: false,
  socketOptions: { longPollFallbackMs: 2500 },
  onSocketSuccess: () => undefined,
  onSocketError: (error) => console.warn(error),
};
const pusher = new PusherLite('key', options);
const channel: PusherLiteChannel = pusher.subscribe('general', {
  onJoin: (uid, before, joined) => console.log(uid.length, before?.metas.length, joined.metas[0]?.online_at),
  onLeave: (uid, left, gone) => console.log(uid.length, left.metas.length, gone.metas[0]?.phx_ref),
  onSuccess: () => pusher.triggerDirect('hello', { text: 'Hello' }, 'bob').receive('ok', () => undefined),
  onError: ({ reason }) => console.warn(reason),
});
channel.bind('new_message', ({ message }: { message: string }) => console.log(message)).unbind('new_message');
channel.trigger('picture', new ArrayBuffer(8)).receive('error', ({ reason }) => console.warn(reason));
channel.presenceState = (state: Presences) => console.log(Object.keys(state));
pusher.presenceDiff = ({ joins, leaves }: PresenceDiff, { getTopic }) => console.log(joins, leaves, getTopic());
pusher.subscribeDirect().bind('hello', (payload: { from_uid: string }) => console.log(payload.from_uid));
pusher.joinAll();
pusher.jwt = 'another';
void channel.leave().then(() => pusher.disconnect());

const older = new PusherLite('localhost:4000', 'key', 'eyJ…', 'alice', {
  publicEvents: { new_message: ({ message }) => console.log(message) },
  privateEvents: { hello: ({ from_uid }) => console.log(from_uid) },
});
older.listenTo('new_message', () => undefined);
older.privateListenTo('hello', () => undefined);
older.connect();
older.trigger('new_message', { message: 'Hello' });

// @ts-expect-error: without jwt
new PusherLite('key', { uniqueUserId: 'alice' });
// @ts-expect-error: without a receiver
pusher.triggerDirect('hello', {});
// @ts-expect-error: fixed
pusher.appKey = 'another';
// @ts-expect-error: not of the types
channel.isJoined;
