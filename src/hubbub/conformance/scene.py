"""What one case has to work with: names of its own, clients that end with it, the HTTP API.

Knows how these are made for one case. Does not know cases, or how they are run.
"""

import asyncio
import contextlib
import itertools
import secrets
import ssl
from collections.abc import Iterable

import aiohttp

from hubbub.conformance.api import Api
from hubbub.conformance.checks import Failed, Skipped
from hubbub.conformance.client import COUNT, Client
from hubbub.conformance.receiver import Receiver
from hubbub.conformance.target import SPECIAL, SWITCHES, Application, Target


class Scene:
    """The tools of one case. Everything it opens is closed when the case is over."""

    def __init__(self, target: Target, session: aiohttp.ClientSession, receiver: Receiver | None = None) -> None:
        self.target = target
        self.api = Api(target, target.app, session)
        self.session = session
        self._receiver = receiver
        self._clients: list[Client] = []
        self._streams: list[asyncio.StreamWriter] = []
        self._mark = secrets.token_hex(5)
        self._numbers = itertools.count(1)

    # Names that no other case has

    def channel(self, prefix: str = "") -> str:
        """Give the name of a channel that nobody has used: `scene.channel("private-")`."""
        return f"{prefix}conformance-{self._mark}-{next(self._numbers)}"

    def user(self) -> str:
        """Give the id of a user that nobody has used."""
        return f"user-{self._mark}-{next(self._numbers)}"

    # Clients

    async def connect(self, app: Application | None = None, *, ignored: Iterable[str] = (COUNT,)) -> Client:
        """Give a client that has been welcomed; of the first application unless told."""
        client = await self.open(app=app, ignored=ignored)
        await client.welcome()
        return client

    async def open(
        self,
        path: str | None = None,
        *,
        app: Application | None = None,
        subprotocols: Iterable[str] | None = None,
        headers: dict[str, str] | None = None,
        ignored: Iterable[str] = (COUNT,),
    ) -> Client:
        """Give a client that is connected at `path`, with its query, and has taken no frame."""
        client = await Client.open(
            self.target, app or self.target.app, path, subprotocols=subprotocols, headers=headers, ignored=ignored
        )
        self._clients.append(client)
        return client

    async def subscribed(self, *channels: str) -> Client:
        """Give a client that has been welcomed and is subscribed to `channels`, none of them a presence channel."""
        client = await self.connect()
        for channel in channels:
            await client.subscribe(channel)
        return client

    async def stream(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Give a connection to the HTTP API on which a case writes every byte itself."""
        host, port = self.target.api_address
        return await self._dial(host, port)

    async def socket_stream(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Give a connection to where sockets are, on which a case writes every byte itself."""
        return await self._dial(self.target.host, self.target.port)

    async def _dial(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        context = ssl.create_default_context() if self.target.tls else None
        try:
            async with asyncio.timeout(self.target.patience):
                reader, writer = await asyncio.open_connection(host, port, ssl=context, limit=2**22)
        except (OSError, TimeoutError) as error:
            raise Failed(f"a connection to {host}:{port}", f"{type(error).__name__}: {error}") from None
        self._streams.append(writer)
        return reader, writer

    # The HTTP API

    def api_of(self, app: Application) -> Api:
        """Give the HTTP API of another application."""
        return Api(self.target, app, self.session)

    async def reaches(self, witness: Client, channel: str, name: str = "witnessed", data: str = "{}") -> None:
        """Publish an event, and wait until `witness`, who is subscribed, has it.

        Who should not hear of it is then asked with `quiet`: what was sent to them is on its way before the answer.
        """
        await self.api.trigger(channel, name, data)
        await witness.expect_event(name, channel, data)

    # What not every server has

    @property
    def other(self) -> Application:
        """A second application. Raises Skipped when none was told."""
        if self.target.other is None:
            raise Skipped("needs a second application: --other-app-id, --other-key, --other-secret")
        return self.target.other

    @property
    def second(self) -> Application:
        """The first application with its newer key pair. Raises Skipped when that was not told."""
        if self.target.second is None:
            raise Skipped("needs a second key pair of the application: --second-key, --second-secret")
        return self.target.second

    @property
    def receiver(self) -> Receiver:
        """The endpoint for webhooks. Raises Skipped when none was told."""
        if self._receiver is None:
            raise Skipped("needs an endpoint for webhooks: --webhook-port")
        return self._receiver

    def needs(self, switch: str) -> None:
        """Raise Skipped when `--without` says that this switch of SWITCHES is off."""
        if switch not in SWITCHES:
            raise ValueError(f"{switch!r} is no switch of target.py")
        if switch in self.target.without:
            raise Skipped(f"without {switch}")

    def key_of(self, setting: str) -> str:
        """Give the key of an application with a setting of SPECIAL. Raises Skipped when none was told."""
        if setting not in self.target.special:
            raise Skipped(f"needs an application that {SPECIAL[setting]}: --key-of {setting}=KEY")
        return self.target.special[setting].key

    def special(self, setting: str) -> Application:
        """Give the application with a setting of SPECIAL. Raises Skipped unless its id and secret were told too."""
        self.key_of(setting)
        app = self.target.special[setting]
        if not (app.id and app.secret):
            raise Skipped(f"needs the application's id and secret: --id-of {setting}=ID, --secret-of {setting}=SECRET")
        return app

    async def close(self) -> None:
        """Close everything that the case has opened."""
        for writer in self._streams:
            writer.close()
        await asyncio.gather(*[client.close() for client in self._clients])
        for writer in self._streams:
            with contextlib.suppress(OSError, TimeoutError):
                await asyncio.wait_for(writer.wait_closed(), self.target.patience)
