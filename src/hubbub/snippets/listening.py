"""Snippets that listen.

Pure. Knows the client libraries. Does not know the server libraries.
"""

from typing import Final

from hubbub.snippets.recipe import Recipe, Snippet
from hubbub.snippets.target import Target

PUSHER_JS: Final = "/vendor/pusher-js-8.6.0/pusher.min.js"
"""Where the server has pusher-js itself, so that a page needs nobody else."""

_PAGE: Final = f"""\
<!doctype html>
<meta charset="utf-8">
<title>Listening</title>
<p id="heard">Connecting…</p>
<script src="%URL%{PUSHER_JS}"></script>
<script>
  const heard = document.getElementById('heard');
  const pusher = new Pusher(%KEY%, {{
    %WHERE%,
    enabledTransports: ['ws', 'wss'],
  }});
  const channel = pusher.subscribe(%CHANNEL%);
  channel.bind('pusher:subscription_succeeded', () => {{ heard.textContent = 'Listening'; }});
  channel.bind(%EVENT%, (data) => {{ heard.textContent = data.text; }});
</script>
"""

_MODULE: Final = """\
import Pusher from 'pusher-js';

const pusher = new Pusher(%KEY%, {
  %WHERE%,
  enabledTransports: ['ws', 'wss'],
});
const channel = pusher.subscribe(%CHANNEL%);
channel.bind('pusher:subscription_succeeded', () => console.log('Listening'));
channel.bind(%EVENT%, (data) => console.log(data));
"""

_ECHO: Final = """\
import Echo from 'laravel-echo';
import Pusher from 'pusher-js';

window.Pusher = Pusher;
window.Echo = new Echo({
  broadcaster: 'pusher',
  key: %KEY%,
  %WHERE%,
  enabledTransports: ['ws', 'wss'],
});
window.Echo.channel(%CHANNEL%)
  .subscribed(() => console.log('Listening'))
  .listen('.%RAW_EVENT%', (data) => console.log(data)); // the dot: the name as it is, without a namespace
"""

_ENTRANCE: Final = """\
# On your server, for each visitor: a token that opens this channel and nothing else, as the user john.
TOKEN='PASTE AN API TOKEN OF YOURS'
curl -sS -d "token=$TOKEN" -d app_key=%KEY% -d uid=john -d 'topics[]=%RAW_CHANNEL%' %URL%/api/session
"""

_LITE: Final = """\
<!doctype html>
<meta charset="utf-8">
<title>Listening</title>
<p id="heard">Connecting…</p>
<script src="%URL%/js/pusher.js"></script>
<script>
  const heard = document.getElementById('heard');
  const jwt = 'PASTE THE TOKEN OF JOHN';
  const pusher = new PusherLite(%KEY%, { jwt, uniqueUserId: 'john' });
  const channel = pusher.subscribe(%CHANNEL%, {
    onSuccess: () => { heard.textContent = 'Listening'; },
    onError: ({ reason }) => { heard.textContent = reason; },
  });
  channel.bind(%EVENT%, (payload) => { heard.textContent = payload.text; });
  pusher.joinAll();
</script>
"""

_PHOENIX: Final = """\
import { Socket } from 'phoenix';

const socket = new Socket(%SOCKET%, {
  params: { app_key: %KEY%, guardian_token: 'PASTE THE TOKEN OF JOHN', unique_identifier: 'john' },
});
socket.connect();

const channel = socket.channel(%TOPIC%, {}); // another channel, orders: 'lobby:%RAW_KEY%:orders'
channel.on(%EVENT%, (payload) => console.log(payload));
channel.join().receive('ok', () => console.log('Listening')).receive('error', ({ reason }) => console.log(reason));
"""

_PRIVATE: Final = """\
import Pusher from 'pusher-js';

const pusher = new Pusher(%KEY%, {
  %WHERE%,
  enabledTransports: ['ws', 'wss'],
  channelAuthorization: { endpoint: '/pusher/auth' },
});
pusher.subscribe('private-orders').bind(%EVENT%, (data) => console.log(data));

const room = pusher.subscribe('presence-room');
room.bind('pusher:subscription_succeeded', ({ count, me }) => console.log(`${me.id} is one of ${count}`));
room.bind('pusher:member_added', ({ id, info }) => console.log(`${info.name} came`));
"""

_RECIPES: Final = (
    Recipe(
        name="page",
        label="Web page",
        language="html",
        text=_PAGE,
        note="Save this as a file and open it, or serve it from anywhere. pusher-js comes from this server.",
    ),
    Recipe(
        name="pusher-js",
        label="pusher-js",
        language="javascript",
        text=_MODULE,
        install="npm install pusher-js",
        note="An ES module, for bundlers and for Node. enabledTransports keeps pusher-js from asking Pusher’s own"
        " servers when this one is away.",
    ),
    Recipe(
        name="echo",
        label="Laravel Echo",
        language="javascript",
        text=_ECHO,
        install="npm install laravel-echo pusher-js",
    ),
    Recipe(
        name="token",
        label="Token",
        language="bash",
        text=_ENTRANCE,
        note="PusherLite and phoenix.js come in with a token for sockets alone, which your server asks for.",
        needs_organization=True,
    ),
    Recipe(
        name="pusher-lite",
        label="PusherLite",
        language="html",
        text=_LITE,
        note="The client of ExPusherLite’s pages, which this server gives out. The tab “Token” tells how to get one.",
        needs_organization=True,
    ),
    Recipe(
        name="phoenix",
        label="phoenix.js",
        language="javascript",
        text=_PHOENIX,
        install="npm install phoenix",
        note="Any Phoenix client from 1.2 on. The tab “Token” tells how to get one.",
        needs_organization=True,
    ),
)

_PRIVATE_RECIPE: Final = Recipe(
    name="private",
    label="pusher-js",
    language="javascript",
    text=_PRIVATE,
    install="npm install pusher-js",
    note="Before it enters such a channel, pusher-js asks an endpoint of your own server, with your visitor’s cookies.",
)


def listening(target: Target) -> tuple[Snippet, ...]:
    """Give the snippets that listen to the public channel."""
    return tuple(recipe.fill(target) for recipe in _RECIPES if target.organization or not recipe.needs_organization)


def listening_in_private(target: Target) -> Snippet:
    """Give the snippet that listens to a private and a presence channel."""
    return _PRIVATE_RECIPE.fill(target)
