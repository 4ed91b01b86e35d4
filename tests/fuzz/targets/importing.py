"""Files of other servers: read, or refused by a sentence in which nothing secret is.

The first byte chooses whose file it is; the second, what its name ends in.
"""

import json
import tempfile
from pathlib import Path
from typing import Final

from hubbub.importing import expusherlite, files, pusher_env, reverb, soketi

SECRET: Final = "correct-horse"
SOURCES: Final = (expusherlite, pusher_env, reverb, soketi)
ENDINGS: Final = ("env", "json", "csv", "txt")

_FIELDS: Final = b'"id":"1","key":"key","secret":"correct-horse"'
SEEDS: Final = (
    b"\1\0PUSHER_APP_ID=1\nPUSHER_APP_KEY=key\nPUSHER_APP_SECRET=correct-horse\n",
    b'\1\0PUSHER_URL="http://key:correct-horse@api.pusherapp.com/apps/1"\nexport A=$B\n',
    b"\2\0REVERB_APP_ID=1\nREVERB_APP_KEY=key\nREVERB_APP_SECRET=correct-horse\nREVERB_APP_MAX_MESSAGE_SIZE=1e400\n",
    (
        b'\2\1{"apps":{"apps":[{"app_id":"1","key":"key","secret":"correct-horse","allowed_origins":["*"],'
        b'"rate_limiting":{"enabled":true,"max_attempts":60,"decay_seconds":60},"max_connections":null}]}}'
    ),
    b'\3\1{"appManager.array.apps":[{%s,"webhooks":[{"url":"https://a","event_types":["client_event"]}]}]}' % _FIELDS,
    b'\3\1{"appManager":{"array":{"apps":[{%s,"maxConnections":-1,"enabled":"x"}]}},"channelLimits":[]}' % _FIELDS,
    b"\3\0SOKETI_DEFAULT_APP_ID=1\nSOKETI_DEFAULT_APP_KEY=key\nSOKETI_DEFAULT_APP_SECRET=correct-horse\n",
    b'\3\2id,key,secret,max_connections,webhooks\n1,key,correct-horse,9,[]\n2,other,correct-horse,,"[{"\n',
    b"\0\2id,key,secret,name\n1,key,correct-horse,App\n",
    b"\0\1[{%s}]" % _FIELDS,
    b"\3\1" + b"[" * 2000,
    b'\3\2a\0b\n"',
    b"\2\1<?php",
)

_folder: Final = Path(tempfile.mkdtemp(prefix="hubbub-fuzz-"))


def check(data: bytes) -> None:
    """Read it as what it was chosen to be."""
    source = SOURCES[data[0] % len(SOURCES)] if data else soketi
    path = _folder / f"file.{ENDINGS[data[1] % len(ENDINGS)] if len(data) > 1 else 'env'}"
    path.write_bytes(data[2:])
    try:
        apps, by_hand = source.applications([files.read(path)])
    except files.UnreadableError as error:
        assert SECRET not in str(error)
        assert len(str(error)) < 1000
        return
    assert all(isinstance(line, str) and SECRET not in line for line in by_hand)
    for app in apps:
        assert all(isinstance(text, str) for text in (app.id, app.name, app.key, app.secret))
        assert SECRET not in repr(app) or SECRET in f"{app.id!r}{app.key!r}"
        assert all(isinstance(line, str) for line in app.lost)
        json.dumps(dict(app.settings), default=None)
        for webhook in app.webhooks:
            assert isinstance(webhook.url, str)
