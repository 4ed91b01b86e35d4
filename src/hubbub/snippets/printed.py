"""What `hubbub serve --show-keys` prints: lines that listen, and lines that publish.

Pure. They hold the application's secret: they are for the eyes of who started the server, never for a log.
"""

from hubbub.apps import Application
from hubbub.snippets.publishing import CURL
from hubbub.snippets.recipe import fill
from hubbub.snippets.target import Target

_LISTEN = """\
const Pusher = require('pusher-js');
const pusher = new Pusher(%KEY%, { %WHERE%, enabledTransports: ['ws', 'wss'] });
pusher.subscribe(%CHANNEL%).bind(%EVENT%, (data) => console.log(data)); null
"""


def printed(url: str, app: Application) -> str:
    """Give lines for the server at `url` (`http://HOST:PORT`) with the newest keys of `app`."""
    target = Target.of(url, app)
    return "\n".join(
        (
            "Listen, in Node after `npm install pusher-js` (in a page, leave out the first line):",
            "",
            fill(_LISTEN, "javascript", target),
            "Publish, from any shell with curl and openssl:",
            "",
            CURL.fill(target).code.rstrip("\n"),
        )
    )
