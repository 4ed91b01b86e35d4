// `/js/pusher.mjs`: the same client for `import PusherLite from "https://HOST/js/pusher.mjs"`.

import { setHome } from "./address.js";

setHome(import.meta.url);

export { default } from "./pusher_lite.js";
