// One topic as a page sees it. Knows phoenix's Channel and Presence; does not know how a topic is named on the wire.

import { Presence } from "phoenix";
import type { Channel as Topic, Push } from "phoenix";
import type PusherLite from "./pusher_lite.js";

/** One connection of a present user; `online_at` is in milliseconds since 1970. */
export interface Meta {
  phx_ref: string;
  online_at?: number;
  [field: string]: unknown;
}

/** A user who is there, with one meta for each of the connections that count. */
export interface Present {
  metas: Meta[];
  [field: string]: unknown;
}

/** Who is there, by user id. */
export type Presences = Record<string, Present>;

/** Who came and who went, by user id. */
export interface PresenceDiff {
  joins: Presences;
  leaves: Presences;
}

/** Hears what the server says of who is there, as it said it, once `channel.getPresence()` knows. */
export type PresenceHook<Said> = (said: Said, channel: PusherLiteChannel) => void;

/** What `subscribe` may be given. */
export interface ChannelOptions {
  /** A user came. `before` is the same user a moment ago; without it, this is its first connection. */
  onJoin?: ((uid: string, before: Present | undefined, joined: Present) => void) | undefined;
  /** A user went. `left` is what stays: without metas, that was its last connection. */
  onLeave?: ((uid: string, left: Present, gone: Present) => void) | undefined;
  /** The channel is joined; told again after each reconnect. */
  onSuccess?: ((reply: unknown) => void) | undefined;
  /** The join was refused, or not answered; it is tried again. Without this, the console is told. */
  onError?: ((refusal: { reason?: string }) => void) | undefined;
}

/** Hears one kind of event. */
export type Listener = (payload: any) => void;

/** A topic that this page subscribed to. Made by `PusherLite.subscribe` and `subscribeDirect`. */
export default class PusherLiteChannel {
  /** Called with the whole list, after each join and rejoin. */
  presenceState: PresenceHook<Presences> | undefined;
  /** Called with each change to the list. */
  presenceDiff: PresenceHook<PresenceDiff> | undefined;

  readonly #pusher: PusherLite;
  readonly #name: string;
  readonly #topic: Topic;
  readonly #presence: Presence;
  readonly #forget: (channel: PusherLiteChannel) => void;
  #options: ChannelOptions = {};
  #bound: { event: string; listener: Listener; ref: number }[] = [];
  #isJoined = false;

  /** @internal */
  constructor(pusher: PusherLite, name: string, topic: Topic, forget: (channel: PusherLiteChannel) => void) {
    this.#pusher = pusher;
    this.#name = name;
    this.#topic = topic;
    this.#forget = forget;
    // First, so that it has listened before the hooks are called.
    this.#presence = new Presence(topic);
    this.#presence.onJoin((uid, before, joined) => this.#options.onJoin?.(uid!, before, joined));
    this.#presence.onLeave((uid, left, gone) => this.#options.onLeave?.(uid!, left, gone));
    topic.on("presence_state", (state: Presences) => {
      this.presenceState?.(state, this);
      pusher.presenceState?.(state, this);
    });
    topic.on("presence_diff", (diff: PresenceDiff) => {
      this.presenceDiff?.(diff, this);
      pusher.presenceDiff?.(diff, this);
    });
    topic.onClose(() => forget(this));
  }

  /** Gives the name it was subscribed by. */
  getTopic(): string {
    return this.#name;
  }

  /** Gives who is there now, by user id. */
  getPresence(): Presences {
    return Object.fromEntries(this.#presence.list((uid, present: Present) => [uid, present] as const));
  }

  /** Calls `listener` with the payload of every `event`. */
  bind(event: string, listener: Listener): this {
    this.#bound.push({ event, listener, ref: this.#topic.on(event, listener) });
    return this;
  }

  /** Takes back `bind`: of this listener, or without one of every listener of `event`. */
  unbind(event: string, listener?: Listener): this {
    const goes = (one: { event: string; listener: Listener }) =>
      one.event === event && (listener === undefined || one.listener === listener);
    for (const { ref } of this.#bound.filter(goes)) this.#topic.off(event, ref);
    this.#bound = this.#bound.filter((one) => !goes(one));
    return this;
  }

  /** Joins, unless that was done; `PusherLite.joinAll` does it for all channels. */
  join(): this {
    if (this.#isJoined) return this;
    this.#isJoined = true;
    this.#topic
      .join()
      .receive("ok", (reply) => this.#options.onSuccess?.(reply))
      .receive("error", (refusal) => this.#fail(refusal))
      .receive("timeout", () => this.#fail({ reason: "timeout" }));
    return this;
  }

  /**
   * Sends an event to everyone in the channel, this page included; before the join is answered, it waits for that.
   *
   * What the server says of it can be heard: `channel.trigger(…).receive("error", ({reason}) => …)`.
   * Throws when the channel was not joined.
   */
  trigger(event: string, payload: object = {}): Push {
    return this.#topic.push(event, payload);
  }

  /** Leaves; resolved when the server knows. The channel is of no use afterwards: subscribe again for another. */
  async leave(): Promise<void> {
    this.#forget(this);
    if (!this.#isJoined) return this.#pusher.socket.remove(this.#topic);
    return new Promise((resolve) => {
      this.#topic.leave().receive("ok", resolve).receive("error", resolve).receive("timeout", resolve);
    });
  }

  /** @internal Whether `join` was called. */
  get isJoined(): boolean {
    return this.#isJoined;
  }

  /** @internal Sets those options that are given, and keeps the others. */
  configure(options: ChannelOptions): this {
    const given = Object.entries(options).filter(([, option]) => option !== undefined);
    this.#options = { ...this.#options, ...Object.fromEntries(given) };
    return this;
  }

  #fail(refusal: { reason?: string }): void {
    if (this.#options.onError) this.#options.onError(refusal);
    else console.warn(`PusherLite: cannot join ${this.#name}: ${refusal?.reason ?? JSON.stringify(refusal)}`);
  }
}
