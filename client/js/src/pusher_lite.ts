// The client: one socket, its channels, and how ExPusherLite named them. Does not know the wire: phoenix does.

import { Socket } from "phoenix";
import type { Push, SocketConnectOption } from "phoenix";
import { socketAddress } from "./address.js";
import PusherLiteChannel from "./channel.js";
import type { ChannelOptions, Listener, PresenceDiff, PresenceHook, Presences } from "./channel.js";

export type { ChannelOptions, Listener, Meta, PresenceDiff, PresenceHook, Presences, Present } from "./channel.js";
export type { PusherLiteChannel };

/** What `new PusherLite(appKey, options)` is given. */
export interface PusherLiteOptions {
  /** The token of `POST /api/session`, best one with `channel=true`: whoever reads the page has it. */
  jwt: string;
  /** Who this page is. */
  uniqueUserId: string;
  /** Where Hubbub is, with or without scheme and port. By default where this script came from. */
  host?: string | undefined;
  /** Whether to use `wss`. By default as the scheme of `host` says, or the page's. */
  ssl?: boolean | undefined;
  /** Options of phoenix's own Socket, such as `longPollFallbackMs`; its `params` are sent along. */
  socketOptions?: Partial<SocketConnectOption> | undefined;
  /** The socket stands; told again after each reconnect. */
  onSocketSuccess?: (() => void) | undefined;
  /** The socket could not be opened, or broke; it is tried again. */
  onSocketError?: ((error: unknown) => void) | undefined;
}

/** What the older form, `new PusherLite(host, appKey, jwt, uniqueUserId, options)`, is given. */
export interface OlderOptions {
  /** Listeners of the channel `general`, by event. */
  publicEvents?: Record<string, Listener>;
  /** Listeners of one's own direct channel, by event. */
  privateEvents?: Record<string, Listener>;
  socketOptions?: Partial<SocketConnectOption>;
  onJoin?: ChannelOptions["onJoin"];
  onLeave?: ChannelOptions["onLeave"];
  /** One of the two channels is joined. */
  onSocketSuccess?: ChannelOptions["onSuccess"];
  /** One of the two joins was refused. */
  onSocketError?: ChannelOptions["onError"];
}

const GENERAL = "general";

/** A connection to one application of Hubbub, as one user. */
export default class PusherLite {
  readonly appKey: string;
  readonly uniqueUserId: string;
  /** The token; one that is set later is used from the next connection on. */
  jwt: string;
  /** phoenix's Socket, for what this client does not offer. */
  readonly socket: Socket;
  /** The subscribed channels by name, the direct one left out. */
  readonly channels: Record<string, PusherLiteChannel> = Object.create(null);
  /** Called with the whole list of any channel, after each join and rejoin. */
  presenceState: PresenceHook<Presences> | undefined;
  /** Called with each change to the list of any channel. */
  presenceDiff: PresenceHook<PresenceDiff> | undefined;

  #direct: PusherLiteChannel | undefined;

  /** Connects at once; `joinAll()` then joins what was subscribed to. Throws TypeError when something is missing. */
  constructor(appKey: string, options: PusherLiteOptions);
  /** The older form: connects and joins `general` and the direct channel when `connect()` is called. */
  constructor(host: string, appKey: string, jwt: string, uniqueUserId: string, options?: OlderOptions);
  constructor(
    first: string,
    second: PusherLiteOptions | string,
    jwt?: string,
    uniqueUserId?: string,
    older: OlderOptions = {},
  ) {
    const isOlder = typeof second === "string";
    const options: Partial<PusherLiteOptions> = isOlder ? { host: first, jwt: jwt!, uniqueUserId: uniqueUserId! } : second ?? {};
    this.appKey = needed("the application's key", isOlder ? second : first);
    this.jwt = needed("jwt", options.jwt);
    this.uniqueUserId = needed("uniqueUserId", options.uniqueUserId);
    const socketOptions = (isOlder ? older : options).socketOptions ?? {};
    this.socket = new Socket(socketAddress(options.host, options.ssl), {
      ...socketOptions,
      params: () => this.#parameters(socketOptions.params),
    });
    if (isOlder) {
      this.#prepare(older);
    } else {
      this.socket.onOpen(() => options.onSocketSuccess?.());
      this.socket.onError((error) => options.onSocketError?.(error));
      this.socket.connect();
    }
  }

  /** Gives the channel `topic`, ready to bind to; it is joined by `joinAll()`. The same one when asked again. */
  subscribe(topic: string, options: ChannelOptions = {}): PusherLiteChannel {
    const path = topic === GENERAL ? "" : `:${topic}`;
    this.channels[topic] ??= this.#channel(topic, path, (channel) => {
      if (this.channels[topic] === channel) delete this.channels[topic];
    });
    return this.channels[topic].configure(options);
  }

  /** Gives one's own direct channel, which brings what is sent to this user alone; joined by `joinAll()`. */
  subscribeDirect(options: ChannelOptions = {}): PusherLiteChannel {
    this.#direct ??= this.#channel("direct", `/uid:${this.uniqueUserId}`, (channel) => {
      if (this.#direct === channel) this.#direct = undefined;
    });
    return this.#direct.configure(options);
  }

  /** Joins every channel that was subscribed to since the last time. */
  joinAll(): void {
    for (const channel of this.#all()) channel.join();
  }

  /**
   * Sends an event to all pages of the user `uid`, to be heard on their direct channels with `from_uid` in the payload.
   *
   * It goes by way of any joined channel; without one, the own direct channel is joined for it.
   */
  triggerDirect(event: string, payload: object = {}, uid: string): Push {
    const way = this.#all().find((channel) => channel.isJoined) ?? this.subscribeDirect().join();
    return way.trigger("direct", { uid: String(uid), event, payload });
  }

  /** Sends an event to everyone in `general`. */
  trigger(event: string, payload: object = {}): Push {
    return this.subscribe(GENERAL).trigger(event, payload);
  }

  /** Connects, after `disconnect()` or in the older form for the first time, and joins every channel. */
  connect(): void {
    this.socket.connect();
    this.joinAll();
  }

  /** Ends the connection; channels stay subscribed, and are joined again by `connect()`. */
  disconnect(): void {
    this.socket.disconnect();
  }

  // What only the older form had

  /** Calls `listener` with every such event of `general`, in the place of an earlier one. */
  listenTo(event: string, listener: Listener): void {
    const general = this.subscribe(GENERAL);
    if (event === "custom_presence_state") general.presenceState = () => listener(general.getPresence());
    else if (event === "custom_presence_diff") general.presenceDiff = () => listener(general.getPresence());
    else general.unbind(event).bind(event, listener);
  }

  /** Calls `listener` with every such event sent to this user alone, in the place of an earlier one. */
  privateListenTo(event: string, listener: Listener): void {
    this.subscribeDirect().unbind(event).bind(event, listener);
  }

  /** Calls `listener` when `general` or the direct channel is joined. */
  onSocketSuccess(listener: NonNullable<ChannelOptions["onSuccess"]>): void {
    this.#prepare({ onSocketSuccess: listener });
  }

  /** Calls `listener` when the join of `general` or of the direct channel is refused. */
  onSocketError(listener: NonNullable<ChannelOptions["onError"]>): void {
    this.#prepare({ onSocketError: listener });
  }

  /** Gives who is in `general`, by user id. */
  getPresences(): Presences {
    return this.channels[GENERAL]?.getPresence() ?? {};
  }

  #prepare({ publicEvents = {}, privateEvents = {}, onJoin, onLeave, onSocketSuccess, onSocketError }: OlderOptions): void {
    this.subscribe(GENERAL, { onJoin, onLeave, onSuccess: onSocketSuccess, onError: onSocketError });
    this.subscribeDirect({ onSuccess: onSocketSuccess, onError: onSocketError });
    for (const [event, listener] of Object.entries(publicEvents)) this.listenTo(event, listener);
    for (const [event, listener] of Object.entries(privateEvents)) this.privateListenTo(event, listener);
  }

  #channel(name: string, path: string, forget: (channel: PusherLiteChannel) => void): PusherLiteChannel {
    return new PusherLiteChannel(this, name, this.socket.channel(`lobby:${this.appKey}${path}`), forget);
  }

  #all(): PusherLiteChannel[] {
    return [...Object.values(this.channels), ...(this.#direct ? [this.#direct] : [])];
  }

  #parameters(more: object | (() => object) = {}): object {
    return {
      ...(typeof more === "function" ? more() : more),
      app_key: this.appKey,
      guardian_token: this.jwt,
      unique_identifier: this.uniqueUserId,
    };
  }
}

function needed(what: string, value: string | undefined): string {
  if (value === undefined || value === null || value === "") throw new TypeError(`PusherLite: ${what} is missing`);
  return String(value);
}
