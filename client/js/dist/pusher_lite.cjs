"use strict";
var __defProp = Object.defineProperty;
var __getOwnPropDesc = Object.getOwnPropertyDescriptor;
var __getOwnPropNames = Object.getOwnPropertyNames;
var __hasOwnProp = Object.prototype.hasOwnProperty;
var __export = (target, all) => {
  for (var name in all)
    __defProp(target, name, { get: all[name], enumerable: true });
};
var __copyProps = (to, from, except, desc) => {
  if (from && typeof from === "object" || typeof from === "function") {
    for (let key of __getOwnPropNames(from))
      if (!__hasOwnProp.call(to, key) && key !== except)
        __defProp(to, key, { get: () => from[key], enumerable: !(desc = __getOwnPropDesc(from, key)) || desc.enumerable });
  }
  return to;
};
var __toCommonJS = (mod) => __copyProps(__defProp({}, "__esModule", { value: true }), mod);

// src/pusher_lite.ts
var pusher_lite_exports = {};
__export(pusher_lite_exports, {
  default: () => PusherLite
});
module.exports = __toCommonJS(pusher_lite_exports);
var import_phoenix2 = require("phoenix");

// src/address.ts
var home;
function socketAddress(host, ssl) {
  const page = originOf(globalThis.location?.href);
  const [, scheme, place] = /^(?:(?:(https?|wss?):)?\/\/)?(.*?)\/*$/i.exec(host ?? home ?? page ?? "");
  if (!place) throw new TypeError("PusherLite: give `host`, as in {host: 'example.com:4000'}");
  const isSecure = ssl ?? /^(https|wss)/i.test(scheme ?? page ?? "");
  return `${isSecure ? "wss" : "ws"}://${place}/socket`;
}
function originOf(url) {
  return url !== void 0 && /^https?:/i.test(url) ? new URL(url).origin : void 0;
}

// src/channel.ts
var import_phoenix = require("phoenix");
var PusherLiteChannel = class {
  /** Called with the whole list, after each join and rejoin. */
  presenceState;
  /** Called with each change to the list. */
  presenceDiff;
  #pusher;
  #name;
  #topic;
  #presence;
  #forget;
  #options = {};
  #bound = [];
  #isJoined = false;
  /** @internal */
  constructor(pusher, name, topic, forget) {
    this.#pusher = pusher;
    this.#name = name;
    this.#topic = topic;
    this.#forget = forget;
    this.#presence = new import_phoenix.Presence(topic);
    this.#presence.onJoin((uid, before, joined) => this.#options.onJoin?.(uid, before, joined));
    this.#presence.onLeave((uid, left, gone) => this.#options.onLeave?.(uid, left, gone));
    topic.on("presence_state", (state) => {
      this.presenceState?.(state, this);
      pusher.presenceState?.(state, this);
    });
    topic.on("presence_diff", (diff) => {
      this.presenceDiff?.(diff, this);
      pusher.presenceDiff?.(diff, this);
    });
    topic.onClose(() => forget(this));
  }
  /** Gives the name it was subscribed by. */
  getTopic() {
    return this.#name;
  }
  /** Gives who is there now, by user id. */
  getPresence() {
    return Object.fromEntries(this.#presence.list((uid, present) => [uid, present]));
  }
  /** Calls `listener` with the payload of every `event`. */
  bind(event, listener) {
    this.#bound.push({ event, listener, ref: this.#topic.on(event, listener) });
    return this;
  }
  /** Takes back `bind`: of this listener, or without one of every listener of `event`. */
  unbind(event, listener) {
    const goes = (one) => one.event === event && (listener === void 0 || one.listener === listener);
    for (const { ref } of this.#bound.filter(goes)) this.#topic.off(event, ref);
    this.#bound = this.#bound.filter((one) => !goes(one));
    return this;
  }
  /** Joins, unless that was done; `PusherLite.joinAll` does it for all channels. */
  join() {
    if (this.#isJoined) return this;
    this.#isJoined = true;
    this.#topic.join().receive("ok", (reply) => this.#options.onSuccess?.(reply)).receive("error", (refusal) => this.#fail(refusal)).receive("timeout", () => this.#fail({ reason: "timeout" }));
    return this;
  }
  /**
   * Sends an event to everyone in the channel, this page included; before the join is answered, it waits for that.
   *
   * What the server says of it can be heard: `channel.trigger(…).receive("error", ({reason}) => …)`.
   * Throws when the channel was not joined.
   */
  trigger(event, payload = {}) {
    return this.#topic.push(event, payload);
  }
  /** Leaves; resolved when the server knows. The channel is of no use afterwards: subscribe again for another. */
  async leave() {
    this.#forget(this);
    if (!this.#isJoined) return this.#pusher.socket.remove(this.#topic);
    return new Promise((resolve) => {
      this.#topic.leave().receive("ok", resolve).receive("error", resolve).receive("timeout", resolve);
    });
  }
  /** @internal Whether `join` was called. */
  get isJoined() {
    return this.#isJoined;
  }
  /** @internal Sets those options that are given, and keeps the others. */
  configure(options) {
    const given = Object.entries(options).filter(([, option]) => option !== void 0);
    this.#options = { ...this.#options, ...Object.fromEntries(given) };
    return this;
  }
  #fail(refusal) {
    if (this.#options.onError) this.#options.onError(refusal);
    else console.warn(`PusherLite: cannot join ${this.#name}: ${refusal?.reason ?? JSON.stringify(refusal)}`);
  }
};

// src/pusher_lite.ts
var GENERAL = "general";
var PusherLite = class {
  appKey;
  uniqueUserId;
  /** The token; one that is set later is used from the next connection on. */
  jwt;
  /** phoenix's Socket, for what this client does not offer. */
  socket;
  /** The subscribed channels by name, the direct one left out. */
  channels = /* @__PURE__ */ Object.create(null);
  /** Called with the whole list of any channel, after each join and rejoin. */
  presenceState;
  /** Called with each change to the list of any channel. */
  presenceDiff;
  #direct;
  constructor(first, second, jwt, uniqueUserId, older = {}) {
    const isOlder = typeof second === "string";
    const options = isOlder ? { host: first, jwt, uniqueUserId } : second ?? {};
    this.appKey = needed("the application's key", isOlder ? second : first);
    this.jwt = needed("jwt", options.jwt);
    this.uniqueUserId = needed("uniqueUserId", options.uniqueUserId);
    const socketOptions = (isOlder ? older : options).socketOptions ?? {};
    this.socket = new import_phoenix2.Socket(socketAddress(options.host, options.ssl), {
      ...socketOptions,
      params: () => this.#parameters(socketOptions.params)
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
  subscribe(topic, options = {}) {
    const path = topic === GENERAL ? "" : `:${topic}`;
    this.channels[topic] ??= this.#channel(topic, path, (channel) => {
      if (this.channels[topic] === channel) delete this.channels[topic];
    });
    return this.channels[topic].configure(options);
  }
  /** Gives one's own direct channel, which brings what is sent to this user alone; joined by `joinAll()`. */
  subscribeDirect(options = {}) {
    this.#direct ??= this.#channel("direct", `/uid:${this.uniqueUserId}`, (channel) => {
      if (this.#direct === channel) this.#direct = void 0;
    });
    return this.#direct.configure(options);
  }
  /** Joins every channel that was subscribed to since the last time. */
  joinAll() {
    for (const channel of this.#all()) channel.join();
  }
  /**
   * Sends an event to all pages of the user `uid`, to be heard on their direct channels with `from_uid` in the payload.
   *
   * It goes by way of any joined channel; without one, the own direct channel is joined for it.
   */
  triggerDirect(event, payload = {}, uid) {
    const way = this.#all().find((channel) => channel.isJoined) ?? this.subscribeDirect().join();
    return way.trigger("direct", { uid: String(uid), event, payload });
  }
  /** Sends an event to everyone in `general`. */
  trigger(event, payload = {}) {
    return this.subscribe(GENERAL).trigger(event, payload);
  }
  /** Connects, after `disconnect()` or in the older form for the first time, and joins every channel. */
  connect() {
    this.socket.connect();
    this.joinAll();
  }
  /** Ends the connection; channels stay subscribed, and are joined again by `connect()`. */
  disconnect() {
    this.socket.disconnect();
  }
  // What only the older form had
  /** Calls `listener` with every such event of `general`, in the place of an earlier one. */
  listenTo(event, listener) {
    const general = this.subscribe(GENERAL);
    if (event === "custom_presence_state") general.presenceState = () => listener(general.getPresence());
    else if (event === "custom_presence_diff") general.presenceDiff = () => listener(general.getPresence());
    else general.unbind(event).bind(event, listener);
  }
  /** Calls `listener` with every such event sent to this user alone, in the place of an earlier one. */
  privateListenTo(event, listener) {
    this.subscribeDirect().unbind(event).bind(event, listener);
  }
  /** Calls `listener` when `general` or the direct channel is joined. */
  onSocketSuccess(listener) {
    this.#prepare({ onSocketSuccess: listener });
  }
  /** Calls `listener` when the join of `general` or of the direct channel is refused. */
  onSocketError(listener) {
    this.#prepare({ onSocketError: listener });
  }
  /** Gives who is in `general`, by user id. */
  getPresences() {
    return this.channels[GENERAL]?.getPresence() ?? {};
  }
  #prepare({ publicEvents = {}, privateEvents = {}, onJoin, onLeave, onSocketSuccess, onSocketError }) {
    this.subscribe(GENERAL, { onJoin, onLeave, onSuccess: onSocketSuccess, onError: onSocketError });
    this.subscribeDirect({ onSuccess: onSocketSuccess, onError: onSocketError });
    for (const [event, listener] of Object.entries(publicEvents)) this.listenTo(event, listener);
    for (const [event, listener] of Object.entries(privateEvents)) this.privateListenTo(event, listener);
  }
  #channel(name, path, forget) {
    return new PusherLiteChannel(this, name, this.socket.channel(`lobby:${this.appKey}${path}`), forget);
  }
  #all() {
    return [...Object.values(this.channels), ...this.#direct ? [this.#direct] : []];
  }
  #parameters(more = {}) {
    return {
      ...typeof more === "function" ? more() : more,
      app_key: this.appKey,
      guardian_token: this.jwt,
      unique_identifier: this.uniqueUserId
    };
  }
};
function needed(what, value) {
  if (value === void 0 || value === null || value === "") throw new TypeError(`PusherLite: ${what} is missing`);
  return String(value);
}
