import { Socket } from "phoenix";
import type { Push, SocketConnectOption } from "phoenix";
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
/** A connection to one application of Hubbub, as one user. */
export default class PusherLite {
    #private;
    readonly appKey: string;
    readonly uniqueUserId: string;
    /** The token; one that is set later is used from the next connection on. */
    jwt: string;
    /** phoenix's Socket, for what this client does not offer. */
    readonly socket: Socket;
    /** The subscribed channels by name, the direct one left out. */
    readonly channels: Record<string, PusherLiteChannel>;
    /** Called with the whole list of any channel, after each join and rejoin. */
    presenceState: PresenceHook<Presences> | undefined;
    /** Called with each change to the list of any channel. */
    presenceDiff: PresenceHook<PresenceDiff> | undefined;
    /** Connects at once; `joinAll()` then joins what was subscribed to. Throws TypeError when something is missing. */
    constructor(appKey: string, options: PusherLiteOptions);
    /** The older form: connects and joins `general` and the direct channel when `connect()` is called. */
    constructor(host: string, appKey: string, jwt: string, uniqueUserId: string, options?: OlderOptions);
    /** Gives the channel `topic`, ready to bind to; it is joined by `joinAll()`. The same one when asked again. */
    subscribe(topic: string, options?: ChannelOptions): PusherLiteChannel;
    /** Gives one's own direct channel, which brings what is sent to this user alone; joined by `joinAll()`. */
    subscribeDirect(options?: ChannelOptions): PusherLiteChannel;
    /** Joins every channel that was subscribed to since the last time. */
    joinAll(): void;
    /**
     * Sends an event to all pages of the user `uid`, to be heard on their direct channels with `from_uid` in the payload.
     *
     * It goes by way of any joined channel; without one, the own direct channel is joined for it.
     */
    triggerDirect(event: string, payload: object | undefined, uid: string): Push;
    /** Sends an event to everyone in `general`. */
    trigger(event: string, payload?: object): Push;
    /** Connects, after `disconnect()` or in the older form for the first time, and joins every channel. */
    connect(): void;
    /** Ends the connection; channels stay subscribed, and are joined again by `connect()`. */
    disconnect(): void;
    /** Calls `listener` with every such event of `general`, in the place of an earlier one. */
    listenTo(event: string, listener: Listener): void;
    /** Calls `listener` with every such event sent to this user alone, in the place of an earlier one. */
    privateListenTo(event: string, listener: Listener): void;
    /** Calls `listener` when `general` or the direct channel is joined. */
    onSocketSuccess(listener: NonNullable<ChannelOptions["onSuccess"]>): void;
    /** Calls `listener` when the join of `general` or of the direct channel is refused. */
    onSocketError(listener: NonNullable<ChannelOptions["onError"]>): void;
    /** Gives who is in `general`, by user id. */
    getPresences(): Presences;
}
