// Stock clients, pusher-js and phoenix.js, that do what they are told by lines of JSON, and tell what they see as such.

import { createHmac } from 'node:crypto';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const load = createRequire(new URL('../clients/', import.meta.url));
const { WebSocket } = load('ws');

globalThis.window = { WebSocket }; // where phoenix.js looks for it

const Pusher = load('pusher-js');
const phoenix = { 'phoenix-1.4': load('phoenix-1.4'), 'phoenix-1.8': load('phoenix-1.8') };

const { SERVER_KEY: key, SERVER_SECRET: secret, SERVER_JWT: jwt } = process.env;

// When the server closes a connection, the WebSocket within pusher-js's Node build waits for 30 s for what it has seen.
const begin = globalThis.setTimeout;
globalThis.setTimeout = (call, delay, ...given) => {
  const timer = begin(call, delay, ...given);
  return delay === 30_000 ? timer.unref() : timer;
};

const microseconds = () => Number(process.hrtime.bigint() / 1000n);
const tell = (kind, client, more) =>
  process.stdout.write(`${JSON.stringify({ kind, at: microseconds(), client, ...more })}\n`);

const sign = (text) => `${key}:${createHmac('sha256', secret).update(text).digest('hex')}`;
const isPresence = (channel) => channel.startsWith('presence-');

// What both kinds of client have in common: which channels they are in, as they know it.
class Page {
  constructor({ client, port, user }) {
    Object.assign(this, { client, port, user, joined: new Set(), channels: new Map() });
  }

  enters(channel) {
    this.joined.add(channel);
    tell('Joined', this.client, { channel, user: this.user });
  }

  exits(channel) {
    if (this.joined.delete(channel)) tell('Left', this.client, { channel });
  }

  isLost() {
    for (const channel of [...this.joined]) this.exits(channel);
  }

  hears(channel, { publisher, number }) {
    tell('Heard', this.client, { channel, publisher, number });
  }
}

// A user who is signed in is told of as a member of this, and who watches them as somebody who sees its members.
const ONLINE = '#online';

class PusherPage extends Page {
  constructor(told) {
    super(told);
    this.online = undefined; // whom a watcher knows to be online, once told
    this.pusher = new Pusher(key, {
      cluster: 'self-hosted',
      wsHost: '127.0.0.1',
      wsPort: this.port,
      forceTLS: false,
      enabledTransports: ['ws'],
      channelAuthorization: { customHandler: this.authorize.bind(this) },
      userAuthentication: { customHandler: this.authenticate.bind(this) },
    });
    this.pusher.connection.bind('state_change', ({ previous, current }) => {
      if (previous === 'connected') this.isLost();
      tell('connection', this.client, { state: current, socket_id: this.pusher.connection.socket_id });
    });
    // The messages as they come: what a channel object hides, such as a member's second leaving, is seen here.
    this.pusher.connection.bind('message', ({ event, channel, data }) => {
      if (event === 'pusher_internal:member_added') tell('Came', this.client, { channel, user: data.user_id });
      if (event === 'pusher_internal:member_removed') tell('Went', this.client, { channel, user: data.user_id });
      if (event === 'pusher:signin_success' && !told.watchlist) this.enters(ONLINE);
      if (event === 'pusher_internal:watchlist_events') this.watches(data.events);
    });
    if (told.watchlist) this.watchlist = told.watchlist;
    if (told.is_user) this.pusher.signin();
  }

  watches(events) {
    const isFirst = this.online === undefined;
    this.online ??= new Set();
    for (const { name, user_ids } of events) {
      for (const user of user_ids) {
        if (name === 'online') this.online.add(user);
        else this.online.delete(user);
        if (!isFirst) tell(name === 'online' ? 'Came' : 'Went', this.client, { channel: ONLINE, user });
      }
    }
    if (isFirst) tell('State', this.client, { channel: ONLINE, users: [...this.online] });
  }

  isLost() {
    super.isLost();
    if (this.online) tell('Left', this.client, { channel: ONLINE });
    this.online = undefined;
  }

  authenticate({ socketId }, callback) {
    const user_data = JSON.stringify({ id: this.user, watchlist: this.watchlist });
    callback(null, { auth: sign(`${socketId}::user::${user_data}`), user_data });
  }

  authorize({ socketId, channelName }, callback) {
    const channel_data = isPresence(channelName) ? JSON.stringify({ user_id: this.user }) : undefined;
    const signed = [socketId, channelName, ...(channel_data ? [channel_data] : [])].join(':');
    callback(null, { auth: sign(signed), channel_data });
  }

  join(name) {
    const channel = this.pusher.subscribe(name);
    this.channels.set(name, channel);
    channel.bind('pusher:subscription_succeeded', (members) => {
      this.enters(name);
      if (isPresence(name)) tell('State', this.client, { channel: name, users: Object.keys(members.members) });
    });
    channel.bind('numbered', (data) => this.hears(name, data));
  }

  leave(name) {
    this.exits(name);
    this.channels.get(name).unbind();
    this.channels.delete(name);
    this.pusher.unsubscribe(name);
  }

  users(name) {
    return Object.keys(this.channels.get(name).members.members);
  }

  close() {
    this.isLost();
    this.pusher.disconnect();
  }
}

class PhoenixPage extends Page {
  constructor(told) {
    super(told);
    this.phoenix = phoenix[told.library];
    this.socket = new this.phoenix.Socket(`ws://127.0.0.1:${this.port}/socket`, {
      params: { app_key: key, guardian_token: jwt, unique_identifier: this.user },
      transport: WebSocket,
    });
    this.socket.onOpen(() => tell('connection', this.client, { state: 'connected' }));
    this.socket.onClose(() => {
      this.isLost();
      tell('connection', this.client, { state: 'connecting' });
    });
    this.socket.connect();
  }

  join(name) {
    const channel = this.socket.channel(`lobby:${key}:${name}`, {});
    const presence = new this.phoenix.Presence(channel);
    this.channels.set(name, { channel, presence });
    channel.on('presence_state', (state) => tell('State', this.client, { channel: name, users: Object.keys(state) }));
    channel.on('presence_diff', ({ joins, leaves }) => {
      for (const user of Object.keys(leaves)) tell('Went', this.client, { channel: name, user });
      for (const user of Object.keys(joins)) tell('Came', this.client, { channel: name, user });
    });
    channel.on('numbered', (data) => this.hears(name, data));
    channel.onClose(() => this.exits(name));
    channel.onError(() => this.exits(name));
    channel.join().receive('ok', () => this.enters(name));
  }

  leave(name) {
    this.exits(name);
    this.channels.get(name).channel.leave();
    this.channels.delete(name);
  }

  users(name) {
    return this.channels.get(name).presence.list((user) => user);
  }

  close() {
    this.isLost();
    this.socket.disconnect();
  }
}

const pages = new Map();

const commands = {
  open(told) {
    pages.set(told.client, new (told.library === 'pusher' ? PusherPage : PhoenixPage)(told));
  },
  join({ client, channel }) {
    pages.get(client).join(channel);
  },
  leave({ client, channel }) {
    pages.get(client).leave(channel);
  },
  close({ client }) {
    pages.get(client).close();
    pages.delete(client);
  },
  // Tells whom each client sees in each presence channel that it is in, and then that this was all.
  look({ number }) {
    for (const [client, page] of pages) {
      for (const channel of page.joined) {
        if (isPresence(channel)) tell('Present', client, { source: client, channel, users: page.users(channel) });
      }
      if (page.online) tell('Present', client, { source: client, channel: ONLINE, users: [...page.online] });
    }
    tell('looked', '', { number });
  },
};

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const { act, ...told } = JSON.parse(line);
    commands[act](told);
  })
  .on('close', () => process.exit());
tell('ready', '', {});
