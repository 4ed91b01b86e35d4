// `/js/pusher.js`: what a page gets from a script element, `window.PusherLite` and `require("pusher_lite").default`.

import { setHome } from "./address.js";
import PusherLite from "./pusher_lite.js";

type Require = (name: string, ...rest: unknown[]) => unknown;

const page = globalThis as typeof globalThis & { PusherLite?: typeof PusherLite; require?: Require };
const element = globalThis.document?.currentScript as HTMLScriptElement | null | undefined;

setHome(element?.src);
page.PusherLite = PusherLite;
page.require = withPusherLite(page.require);

// A loader that the page has already keeps its other modules, and its properties, such as RequireJS's `config`.
function withPusherLite(earlier: Require = unknown): Require {
  return new Proxy(earlier, {
    apply: (target, self, [name, ...rest]: [string, ...unknown[]]) =>
      name === "pusher_lite" ? { __esModule: true, default: PusherLite } : Reflect.apply(target, self, [name, ...rest]),
  });
}

function unknown(name: string): never {
  throw new Error(`Cannot find module '${name}'`);
}
