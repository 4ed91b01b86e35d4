// Where the socket is. Knows how people write a host; does not know what is sent there.

let home: string | undefined;

/** Says where this client was loaded from: without `host`, the socket is there. Only `http:` and `https:` count. */
export function setHome(url: string | undefined): void {
  home = originOf(url);
}

/**
 * Gives the address for a phoenix Socket, such as `wss://example.com/socket`.
 *
 * `host` may have a scheme (`http`, `https`, `ws`, `wss`), a port and a path; without it, it is where this client was
 * loaded from, or the page's own host. `ssl` has the last word; without it the scheme decides, and without that the
 * page: a page that came by `https` may open no other socket than `wss`.
 */
export function socketAddress(host?: string, ssl?: boolean): string {
  const page = originOf(globalThis.location?.href);
  const [, scheme, place] = /^(?:(?:(https?|wss?):)?\/\/)?(.*?)\/*$/i.exec(host ?? home ?? page ?? "")!;
  if (!place) throw new TypeError("PusherLite: give `host`, as in {host: 'example.com:4000'}");
  const isSecure = ssl ?? /^(https|wss)/i.test(scheme ?? page ?? "");
  return `${isSecure ? "wss" : "ws"}://${place}/socket`;
}

function originOf(url: string | undefined): string | undefined {
  return url !== undefined && /^https?:/i.test(url) ? new URL(url).origin : undefined;
}
