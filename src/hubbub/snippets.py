"""Ready-to-paste lines that use an application: publish with curl, listen with pusher-js.

Pure. They hold the application's secret: they are for the eyes of who started the server, never for a log.
"""

import json
from urllib.parse import urlsplit

from hubbub.apps import Application


def snippets(url: str, app: Application) -> str:
    """Give lines for the server at `url` (`http://HOST:PORT`) with the newest keys of `app`."""
    at = urlsplit(url)
    pair = app.key_pairs[-1]
    return "\n".join(
        (
            "Listen, in Node after `npm install pusher-js` (in a page, leave out the first line):",
            "",
            _javascript(at.hostname or "", at.port or 80, pair.key, is_secure=at.scheme == "https"),
            "",
            "Publish, from any shell with curl and openssl:",
            "",
            _curl(url, app.id, pair.key, pair.secret),
        )
    )


def _javascript(host: str, port: int, key: str, *, is_secure: bool) -> str:
    where = f"cluster: 'self', wsHost: '{host}', wsPort: {port}, wssPort: {port}, forceTLS: {json.dumps(is_secure)}"
    return "\n".join(
        (
            "const Pusher = require('pusher-js');",
            f"const pusher = new Pusher('{key}', {{ {where}, enabledTransports: ['ws', 'wss'] }});",
            "pusher.subscribe('lobby').bind('greeting', (data) => console.log(data)); null",
        )
    )


def _curl(url: str, app_id: str, key: str, secret: str) -> str:
    body = json.dumps({"name": "greeting", "channel": "lobby", "data": json.dumps({"text": "Hello from Hubbub"})})
    path = f"/apps/{app_id}/events"
    return "\n".join(
        (
            f"body='{body}'",
            'md5=$(printf %s "$body" | openssl dgst -md5 -r | cut -d" " -f1)',
            f'query="auth_key={key}&auth_timestamp=$(date +%s)&auth_version=1.0&body_md5=$md5"',
            f'sig=$(printf "POST\\n{path}\\n%s" "$query" | openssl dgst -sha256 -hmac \'{secret}\' -r | cut -d" " -f1)',
            f'url="{url}{path}?$query&auth_signature=$sig"',
            'curl -sS -w "\\n" -X POST -H "Content-Type: application/json" -d "$body" "$url"',
        )
    )
