import type { Push } from "phoenix";
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
    onError?: ((refusal: {
        reason?: string;
    }) => void) | undefined;
}
/** Hears one kind of event. */
export type Listener = (payload: any) => void;
/** A topic that this page subscribed to. Made by `PusherLite.subscribe` and `subscribeDirect`. */
export default class PusherLiteChannel {
    #private;
    /** Called with the whole list, after each join and rejoin. */
    presenceState: PresenceHook<Presences> | undefined;
    /** Called with each change to the list. */
    presenceDiff: PresenceHook<PresenceDiff> | undefined;
    /** Gives the name it was subscribed by. */
    getTopic(): string;
    /** Gives who is there now, by user id. */
    getPresence(): Presences;
    /** Calls `listener` with the payload of every `event`. */
    bind(event: string, listener: Listener): this;
    /** Takes back `bind`: of this listener, or without one of every listener of `event`. */
    unbind(event: string, listener?: Listener): this;
    /** Joins, unless that was done; `PusherLite.joinAll` does it for all channels. */
    join(): this;
    /**
     * Sends an event to everyone in the channel, this page included; before the join is answered, it waits for that.
     *
     * What the server says of it can be heard: `channel.trigger(…).receive("error", ({reason}) => …)`.
     * Throws when the channel was not joined.
     */
    trigger(event: string, payload?: object): Push;
    /** Leaves; resolved when the server knows. The channel is of no use afterwards: subscribe again for another. */
    leave(): Promise<void>;
}
