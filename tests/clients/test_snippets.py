"""The lines that `serve --show-keys` prints work when they are pasted."""

import os
import subprocess
from pathlib import Path

import pytest

from hubbub.apps import Application, KeyPair
from hubbub.settings import AppSettings
from hubbub.snippets import snippets
from running import Running

CLIENTS = Path(__file__).parent


@pytest.mark.needs("node", "curl", "openssl")
def test_the_printed_lines_publish_to_the_printed_listener(server: Running) -> None:
    app = Application(server.app_id, "Test", (KeyPair(server.key, server.secret),), AppSettings())
    lines = snippets(server.url, app).splitlines()
    listen = "\n".join(line for line in lines if line.startswith(("const ", "pusher.")))
    publish = "\n".join(line for line in lines if line.startswith(("body=", "md5=", "query=", "sig=", "url=", "curl ")))
    ready = "pusher.channel('lobby').bind('pusher:subscription_succeeded', () => console.log('ready'));"
    end = "pusher.channel('lobby').bind('greeting', () => pusher.disconnect());"
    listener = subprocess.Popen(
        ["node", "-e", "\n".join((listen, ready, end))],
        cwd=CLIENTS,
        env={**os.environ, "NODE_PATH": str(CLIENTS / "node_modules")},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert listener.stdout is not None
        assert listener.stdout.readline() == "ready\n"
        answer = subprocess.run(["bash", "-c", publish], capture_output=True, text=True, timeout=30, check=True)
        assert answer.stdout == "{}\n"
        out, _ = listener.communicate(timeout=30)
    finally:
        listener.kill()
        listener.wait()
    assert out == "{ text: 'Hello from Hubbub' }\n"
