"""The settings, in two tables: those of the server and those of one application.

Knows: each setting's name, type, default and help; where values come from (flags over `HUBBUB_*` variables over
`hubbub.toml` over defaults). Does not know what a setting does. `docs/settings.md` is generated from these tables.
"""

import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, FilePath, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

Count = Annotated[int, Field(ge=1, le=2**31)]
CountOrUnlimited = Annotated[int, Field(ge=0, le=2**31)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Bytes = Annotated[int, Field(ge=1, le=2**31)]


_ORIGIN = re.compile(r"([a-zA-Z0-9+.-]+://)?([^\s/:@?#\[\],]+|\[[0-9a-fA-F:.]+\])(:(\d{1,5}|\*))?/?")
"""A host, perhaps with a scheme and a port, as a browser names a page's origin; `*` stands for any text."""


class ConfigurationError(Exception):
    """A setting is missing, unknown or out of its range; the message names each and never holds a value."""


class AppSettings(BaseModel, frozen=True, extra="forbid"):
    """What may differ from one application to the next."""

    enabled: bool = Field(True, description="Off: sockets are closed with 4003, the HTTP API answers 403.")
    force_tls: bool = Field(False, description="Sockets that did not come over TLS are closed with 4000.")
    client_events: bool = Field(
        False,
        description="Clients may send events to each other on private and presence channels."
        " On by default for the application declared by `HUBBUB_APP_ID`.",
    )
    client_events_per_second: Count = Field(
        10, description="Client events one connection may send in a second; more are refused with 4301."
    )
    subscription_counts: bool = Field(
        False,
        description="Subscribers of all but presence channels are told how many they are, and the HTTP API answers"
        " `info=subscription_count`; otherwise it says that counting is off.",
    )
    watchlists: bool = Field(
        False, description="Users who sign in are told which of the users on their watchlist are online."
    )
    max_user_id_length: Count = Field(200, description="Characters of the id of a user who signs in.")
    max_watchlist: Count = Field(100, description="Users on one watchlist; further ones are left out, with 4302.")
    authorized_connections: bool = Field(
        False,
        description="Connections must sign in, or subscribe to a private or presence channel, in"
        " `authorization_timeout`; else 4009. Until then they do not count for `max_connections`.",
    )
    authorization_timeout: Seconds = Field(30, description="Seconds a connection has for that.")
    allowed_origins: str = Field(
        "",
        description="Origins, comma-separated, whose pages may connect, such as `https://example.com`,"
        " `https://*.example.com` or `example.com`; others are closed with 4009. Empty: all. Clients that are no"
        " browsers send none, and may always connect, except by `eventsource` and `jsonp`.",
    )
    events_per_second: CountOrUnlimited = Field(
        0,
        description="Events the application may publish in a second by the HTTP API, to all nodes together; more answer"
        " 429. 0: no limit.",
    )
    cache_ttl: int = Field(
        1800, ge=1, le=1800, description="Seconds for which a cache channel keeps its last event. Pusher: up to 1800."
    )
    max_cached_channels: Count = Field(
        10_000, description="Cache channels that keep an event; beyond, the one told longest ago forgets its own."
    )
    webhook_batches: bool = Field(True, description="Several events may go in one webhook. Off: each goes alone.")
    subscription_error_frames: bool = Field(
        True,
        description="A refused subscription also sends `pusher:subscription_error`, which names the channel."
        " Pusher's own service sends `pusher:error` alone.",
    )
    max_connections: CountOrUnlimited = Field(
        0,
        description="Connections open at once, on all nodes together; more are closed with 4004. 0: no limit but the"
        " servers'.",
    )
    max_event_bytes: Bytes = Field(10240, description="UTF-8 bytes of one event's data; more answers 413.")
    max_event_name_length: Count = Field(200, description="Characters of an event's name.")
    max_channel_name_length: Count = Field(
        200,
        description="Characters of a channel's name, prefix included. Pusher documents 164, its libraries allow 200.",
    )
    max_channels_per_event: Count = Field(100, description="Channels one `POST /events` may name.")
    max_batch_events: Count = Field(10, description="Events in one `POST /batch_events`.")
    max_presence_members: Count = Field(100, description="Users in one presence channel.")
    leaves_per_second: Count = Field(
        20,
        description="Channels that one connection may leave where others are told of it, as of a member or by a count,"
        " in the long run; ten times as many at once. Further ones wait their turn.",
    )
    max_topic_members: CountOrUnlimited = Field(
        1000,
        description="Users that a topic of Phoenix clients tells of, when it is no presence channel. More may join it,"
        " but are neither announced nor listed. 0: it tells of nobody.",
    )
    max_presence_user_id_length: Count = Field(128, description="Characters of a presence member's `user_id`.")
    max_presence_member_bytes: Bytes = Field(1024, description="UTF-8 bytes of a presence member's `channel_data`.")
    max_subscriptions: CountOrUnlimited = Field(
        10_000, description="Channels one connection may be subscribed to. 0: no limit, as at Pusher."
    )

    @field_validator("allowed_origins")
    @classmethod
    def _origins_are_such(cls, value: str) -> str:
        for text in filter(None, map(str.strip, value.split(","))):
            if _ORIGIN.fullmatch(text) is None:
                raise ValueError(f"{text[:64]!a} is neither an origin nor a host")
        return value


class DeclaredApp(AppSettings, frozen=True, extra="forbid"):
    """One application declared by settings, without a database row."""

    id: str = Field(
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
        description="The application's id in `/apps/ID`. Digits only if Pusher's Python library is used.",
    )
    key: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="Its public key, in `/app/KEY`.")
    secret: SecretStr = Field(min_length=1, description="Its secret, which signs. Never logged.")
    client_events: bool = Field(True, description="As above, but on by default here.")
    webhook_url: SecretStr | None = Field(
        None, description="An endpoint that hears of everything by webhooks, `http://…` or `https://…`."
    )


class Settings(BaseSettings):
    """What holds for the whole server."""

    model_config = SettingsConfigDict(
        env_prefix="HUBBUB_",
        env_nested_delimiter="_",
        env_nested_max_split=1,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        env_ignore_empty=True,
    )

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(4000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    uds: Path | None = Field(None, description="Path of a unix socket to listen on, in place of host and port.")
    uds_mode: str = Field(
        "666",
        pattern="^0?[0-7]{3}$",
        description="Permissions of that socket, in octal: who may write to it may connect. `660` lets in its user and"
        " group.",
    )
    workers: int = Field(
        1, ge=1, le=1024, description="Processes, each a node of its own. More than one needs `engine_url`."
    )
    tls_certificate: FilePath | None = Field(
        None, description="PEM file of the certificate chain; with `tls_key`: TLS."
    )
    tls_key: FilePath | None = Field(
        None, description="PEM file of the certificate's key. Both are read again when they change."
    )
    tls_handshake_timeout: Seconds = Field(10, description="Seconds in which TLS must be agreed on; then it is cut.")
    trusted_proxies: str = Field(
        "127.0.0.1,::1,unix",
        description="Addresses or networks, comma-separated, whose `X-Forwarded-*` headers are believed; `unix` stands"
        " for whoever comes by the unix socket, `*` for everyone.",
    )
    database_url: SecretStr = Field(
        SecretStr("sqlite:///var/hubbub.db"),
        description="SQLAlchemy URL of the database: `sqlite:///PATH` or `postgresql://USER:PASSWORD@HOST/NAME`.",
    )
    master_key: SecretStr | None = Field(
        None,
        description="Seals secrets in the database: what `hubbub master-key generate` prints, for all servers the same."
        " Several, comma-separated, while keys are changed: the first is the one to use. None: secrets are kept as they"
        " are.",
    )
    master_key_file: FilePath | None = Field(
        None, description="File with that in place of `master_key`: a line for each key; those with a `#` say nothing."
    )
    engine_url: SecretStr | None = Field(
        None,
        description="Redis (6 or later) or Valkey that the nodes of a cluster share: `redis://`, `rediss://` or `unix://`"
        " as its libraries write them, `redis+sentinel://[USER:PASSWORD@]HOST:PORT,HOST:PORT/SERVICE[/DB]`,"
        " `redis+cluster://[USER:PASSWORD@]HOST:PORT,HOST:PORT`; `rediss+…` for TLS. Behind a `?` may be"
        " `ssl_ca_certs`, `ssl_certfile`, `ssl_keyfile`, `ssl_check_hostname=false`, `ssl_cert_reqs=none`, and"
        " `sentinel_username`, `sentinel_password`. None: this node is alone.",
    )
    engine_prefix: str = Field(
        "hubbub",
        pattern="^[A-Za-z0-9_.:-]{1,64}$",
        description="What the names of all keys and topics in Redis begin with: one for each cluster.",
    )
    engine_timeout: Seconds = Field(3, description="Seconds in which Redis must answer; then it is taken for away.")
    engine_away: Literal["refuse", "deliver"] = Field(
        "refuse",
        description="What becomes of publishes while Redis is away: `refuse` answers 503, `deliver` tells the"
        " subscribers of this node alone.",
    )
    demo: bool = Field(
        False,
        description="The home page has a chat for any visitor, in an application of its own that is kept nowhere.",
    )
    log_level: str = Field(
        "info", pattern="^(debug|info|warning|error)$", description="`debug`, `info`, `warning` or `error`."
    )
    log_format: Literal["console", "json"] | None = Field(
        None,
        description="Lines of the log: `console` for people, `json` for who collects them. None: `console` where"
        " standard error is a terminal, else `json`.",
    )
    access_log: bool = Field(
        False,
        description="Each HTTP request, and each connection that opens or closes, gets a line in the log; without it"
        " connections do at the level `debug`.",
    )
    otlp_endpoint: str | None = Field(
        None,
        pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$",
        description="Collector of OpenTelemetry that takes traces by OTLP over HTTP, such as `http://127.0.0.1:4318`."
        " Needs `hubbub[otel]`. None: the one that `OTEL_EXPORTER_OTLP_ENDPOINT` names, or no traces.",
    )
    trace_ratio: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Share of publishes that are traced, where whoever publishes does not say by `traceparent` whether"
        " this one is.",
    )
    max_connections: CountOrUnlimited = Field(
        0,
        description="Sockets open at once; more are closed with 4100. 0: as many as there may be files, less 100.",
    )
    max_connections_per_address: CountOrUnlimited = Field(
        0,
        description="Connections open at once from one address of the network (of IPv6: 64 bits), and as many sessions"
        " of the HTTP fallbacks, in each process; more are closed with 4100, or answered 429. 0: no limit. Behind a"
        " proxy that is not in `trusted_proxies` all have one address.",
    )
    connections_per_second_per_address: CountOrUnlimited = Field(
        0,
        description="Sockets, or sessions in place of one, that an address may open in a second, and at once; more are"
        " closed with 4100, or answered 429. 0: no limit.",
    )
    requests_per_second_per_address: CountOrUnlimited = Field(
        0,
        description="HTTP requests that an address may make in a second, and at once, the signed API's among them; more"
        " are answered 429. `/health` and what is below it are not counted. 0: no limit.",
    )
    unlimited_addresses: str = Field(
        "",
        description="Addresses or networks, comma-separated, for which those three do not hold, such as those of your"
        " own back ends.",
    )
    messages_per_second: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        20_000,
        description="Frames that a client may send in a second over a WebSocket, control frames among them; more closes"
        " with 4100. 0: no limit.",
    )
    activity_timeout: int = Field(
        120, ge=1, description="Seconds of silence after which a client should ping; told to each on connecting."
    )
    ping_after: Seconds = Field(45, description="Seconds of silence after which the server pings a client.")
    pong_timeout: Seconds = Field(30, description="Seconds a client has to answer that ping; then 4201.")
    heartbeat_timeout: Seconds = Field(
        60, description="Seconds of silence after which a Phoenix client, which should send heartbeats, is closed."
    )
    poll_window: Seconds = Field(10, description="Seconds a long-poll of a Phoenix client waits for a message.")
    poll_timeout: Seconds = Field(
        20, description="Seconds without a poll after which a client that polls is taken for gone."
    )
    fallback_heartbeat: Seconds = Field(
        25, description="Seconds between signs of life to clients of the HTTP fallbacks, so that proxies see some."
    )
    head_timeout: Seconds = Field(
        10, description="Seconds in which a request's line and headers, or an upgrade, must have arrived; then 408."
    )
    body_timeout: Seconds = Field(30, description="Seconds in which a request's body must have arrived; then 408.")
    keep_alive_timeout: Seconds = Field(
        75,
        description="Seconds an idle HTTP connection is kept for another request. Longer than proxies' pools keep it.",
    )
    close_timeout: Seconds = Field(
        5, description="Seconds a client has to end its side after a close; then the connection is cut."
    )
    drain_delay: float = Field(
        0,
        ge=0,
        allow_inf_nan=False,
        description="Seconds for which a server that SIGTERM stops goes on as before, while `/health` answers 503, so"
        " that load balancers send nobody any more.",
    )
    drain_timeout: Seconds = Field(
        20, description="Seconds a stopping server waits for requests and connections to end."
    )
    drain_wave: Count = Field(
        500, description="Sockets a stopping server closes every tenth of a second, so that others are not overrun."
    )
    max_head_bytes: Bytes = Field(16_384, description="Bytes of a request's line and headers; more answers 431.")
    max_body_bytes: Bytes = Field(
        327_680,
        description="Bytes of an HTTP request's body; more answers 413. A batch of 10 × 10 kB fits, escaped.",
    )
    max_message_bytes: Bytes = Field(
        65_536, description="Bytes of one WebSocket message from a client; more closes with 1009."
    )
    max_backlog_bytes: Bytes = Field(
        1_048_576, description="Bytes that may wait for one slow reader; more closes it with 4100."
    )
    fanout_slice: Count = Field(
        256,
        description="Writes in one turn of the event loop, so that a huge channel does not hold up a small one. Where"
        " more channels have something to say, one for each.",
    )
    deflate: bool = Field(
        False,
        description="Clients that offer `permessage-deflate` get large messages compressed, and may compress theirs.",
    )
    deflate_threshold: Bytes = Field(
        256, description="Bytes from which on a message is compressed. Smaller ones gain too little."
    )
    deflate_level: int = Field(
        6, ge=1, le=9, description="How hard zlib tries, from 1, the quickest, to 9, the smallest."
    )
    metrics_token: SecretStr | None = Field(
        None,
        min_length=8,
        description="Who sends `Authorization: Bearer TOKEN` may read `/metrics`. None: there is no such page on the"
        " one port.",
    )
    metrics_host: str = Field("127.0.0.1", description="Address to listen on with `metrics_port`.")
    metrics_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="Port for `/metrics` and `/health` alone, without a token: for who reaches it. 0 takes a free one."
        " None: there is no such port.",
    )
    jwt_secret: SecretStr | None = Field(
        None,
        min_length=64,
        description="Signs session tokens, 64 characters at least. None: one is made and kept with the database.",
    )
    jwt_issuer: str = Field(
        "Hubbub", min_length=1, description="Who session tokens say they are from; others are refused."
    )
    jwt_lifetime: int = Field(864_000, ge=1, le=2**31, description="Seconds a session token is good.")
    sign_up: bool = Field(True, description="Anybody may sign up. Off: users come by invitation, or are made by root.")
    require_confirmation: bool = Field(
        False,
        description="Who has not confirmed their e-mail address may not sign in. Needs mail to be set up.",
    )
    confirmation_lifetime: int = Field(
        259_200, ge=1, le=2**31, description="Seconds in which an e-mail address can be confirmed by the letter sent."
    )
    lock_after: Count = Field(10, description="Wrong passwords in a row after which nobody can sign in as that user.")
    lock_seconds: int = Field(
        3600, ge=1, le=2**31, description="Seconds for which that lasts, unless it is ended by the letter sent."
    )
    throttle: bool = Field(
        True,
        description="Signing in and up and asking for letters is limited for each address of the network and each"
        " account. Behind a proxy that is not in `trusted_proxies` all have one address.",
    )
    session_lifetime: int = Field(
        43_200, ge=60, le=2**31, description="Seconds after which a browser that does nothing is no longer signed in."
    )
    remember_lifetime: int = Field(
        1_209_600, ge=1, le=2**31, description="Seconds a browser stays signed in, when asked to."
    )
    reset_lifetime: int = Field(
        21_600, ge=1, le=2**31, description="Seconds in which a forgotten password can be set anew by the letter sent."
    )
    public_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$",
        description="Where people reach the pages, such as `https://hubbub.example.com`; links in letters begin with"
        " it. None: made of `host`, `port` and TLS.",
    )
    smtp_url: SecretStr | None = Field(
        None,
        description="Mail server that takes letters: `smtp://USER:PASSWORD@HOST:587`, `smtps://USER:PASSWORD@HOST:465`."
        " With `smtp://` STARTTLS is used where it is offered, and is needed where there is a password, but not on this"
        " machine; `?starttls=always` or `?starttls=never` decide otherwise, `ssl_ca_certs=PATH` names authorities of"
        " one's own. None: letters are kept in `mail_folder`.",
    )
    smtp_timeout: Seconds = Field(20, description="Seconds in which the mail server must have taken a letter.")
    mail_from: str = Field(
        "Hubbub <hubbub@localhost>",
        description="Who letters are from: `NAME <ADDRESS>`, an address that the mail server lets send.",
    )
    mail_folder: Path = Field(
        Path("var/mail"), description="Folder for letters while there is no mail server, a file each."
    )
    webhook_timeout: Seconds = Field(10, description="Seconds an endpoint has to answer a webhook.")
    webhook_window: Seconds = Field(
        300,
        description="Seconds from the making of a webhook in which it is tried again; the last try begins"
        " `webhook_timeout` before the end. Pusher's Python library refuses older ones than 300.",
    )
    webhook_grace: Seconds = Field(
        3,
        description="Seconds before a vacated channel or a removed member is told; who comes back meanwhile never"
        " left.",
    )
    webhook_return: Seconds = Field(
        30,
        description="Seconds after a start, or after a node was lost, in which those who were there before may come"
        " back, before webhooks tell that they are gone.",
    )
    webhook_private: bool = Field(
        False, description="Endpoints of webhooks may be on the server's own machine and on private networks."
    )
    webhook_backlog: Count = Field(
        100_000, description="Events that may wait for one endpoint; further ones are dropped, logged and counted."
    )
    webhook_concurrency: Count = Field(8, description="Requests to one endpoint at once.")
    webhook_retention: Seconds = Field(
        604_800, description="Seconds for which delivered and failed webhooks are kept with their attempts."
    )
    incident_retention: Seconds = Field(
        604_800, description="Seconds for which the error log keeps what went wrong at applications."
    )
    incident_limit: Count = Field(
        20_000, description="Entries that the error log keeps of one application; the oldest go first."
    )
    audit_retention: int = Field(
        34_560_000,
        ge=0,
        le=2**32,
        description="Seconds for which the audit keeps who did what; 400 days unless told. 0: for ever.",
    )
    app: DeclaredApp | None = Field(
        None,
        description="One application without a database row: `HUBBUB_APP_ID`, `HUBBUB_APP_KEY`, `HUBBUB_APP_SECRET`,"
        " and `HUBBUB_APP_…` for each setting of an application.",
    )

    @field_validator("port", mode="before")
    @classmethod
    def _port_is_ours(cls, value: object) -> object:
        # Kubernetes gives every pod HUBBUB_PORT=tcp://… when there is a service called hubbub.
        return cls.model_fields["port"].default if isinstance(value, str) and value.startswith("tcp://") else value

    @model_validator(mode="after")
    def _tls_is_whole(self) -> "Settings":
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key are needed together")
        return self

    @model_validator(mode="after")
    def _master_key_is_one(self) -> "Settings":
        if self.master_key is not None and self.master_key_file is not None:
            raise ValueError("master_key and master_key_file exclude each other")
        return self

    def reached_at(self, port: int) -> str:
        """Give `public_url` without a slash at its end, or what stands for it where the server listens on `port`."""
        if self.public_url is not None:
            return self.public_url.rstrip("/")
        if self.uds is not None:
            return "http://localhost"
        host = "localhost" if self.host in {"0.0.0.0", "::", ""} else self.host  # noqa: S104 - compared, not bound
        scheme = "http" if self.tls_certificate is None else "https"
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"

    @model_validator(mode="after")
    def _mail_has_a_sender(self) -> "Settings":
        if self.smtp_url is not None and "mail_from" not in self.model_fields_set:
            raise ValueError("smtp_url needs mail_from")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, then variables, then credentials, then the TOML file."""
        credentials = _Credentials(settings_cls)
        return init_settings, env_settings, credentials, TomlConfigSettingsSource(settings_cls, configuration_file())


class _Credentials(EnvSettingsSource):
    """Settings that are files, named as the variables are: what is secret need not be in the environment."""

    def _load_env_vars(self) -> dict[str, str | None]:
        return {name.lower(): text for name, text in credentials().items()}


def configuration_file() -> Path:
    """Give the path of the TOML file: `HUBBUB_CONFIG`, or `hubbub.toml` here."""
    return Path(os.environ.get("HUBBUB_CONFIG", "hubbub.toml"))


def credentials() -> dict[str, str]:
    """Give the settings that are files, by the names of variables: those of `HUBBUB_CREDENTIALS`, a folder.

    Unless that is set they are those that systemd was told to hand over, with `LoadCredential`. A line's end does not
    count. Files of other names are no settings. Raises ConfigurationError for what cannot be read.
    """
    folder = os.environ.get("HUBBUB_CREDENTIALS") or os.environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        return {}
    try:
        return {
            path.name.upper(): path.read_text("utf-8").rstrip("\r\n")
            for path in sorted(Path(folder).iterdir())
            if path.name.upper().startswith("HUBBUB_") and path.is_file()
        }
    except (OSError, UnicodeDecodeError) as error:
        problem = error.strerror if isinstance(error, OSError) else "is not text"
        raise ConfigurationError(f"HUBBUB_CREDENTIALS: a file in {folder} cannot be read: {problem}") from None


def load(**flags: Any) -> Settings:
    """Read the settings; `flags` that are not None win over everything.

    Raises ConfigurationError, one line per fault, without the values: they may be secrets.
    """
    given = {name for name in os.environ if name.startswith("HUBBUB_")} | credentials().keys()
    unknown = [name for name in given if name not in _NO_SETTINGS and not _is_setting(name)]
    if unknown:
        raise ConfigurationError("\n".join(f"{name} is not a setting" for name in sorted(unknown)))
    if "HUBBUB_CONFIG" in os.environ and not configuration_file().is_file():
        raise ConfigurationError(f"HUBBUB_CONFIG: there is no file {configuration_file()}")
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{configuration_file()}: {error}") from None
    except UnicodeDecodeError:  # which holds the whole file
        raise ConfigurationError(f"{configuration_file()}: it is not UTF-8, as TOML must be") from None
    except RecursionError:
        raise ConfigurationError(f"{configuration_file()}: nested too deeply") from None
    except ValidationError as error:
        raise ConfigurationError(
            "\n".join(f"{variable(fault['loc'])}: {_said(fault['msg'])}" for fault in error.errors(include_input=False))
        ) from None


def _said(message: str) -> str:
    """Give what pydantic says, which counts the characters of a SecretStr as items."""
    return message.removeprefix("Value error, ").replace(" items after validation", " characters")


def secrets_of(settings: BaseModel) -> list[str]:
    """Give the secrets among the settings, as they are: what the log must never say."""
    found: list[str] = []
    for name in type(settings).model_fields:
        match getattr(settings, name):
            case SecretStr() as secret:
                found.append(secret.get_secret_value())
            case BaseModel() as inner:
                found += secrets_of(inner)
    return found


def variable(location: tuple[int | str, ...]) -> str:
    """Give the environment variable of the setting at `location`, a path such as `("app", "key")`."""
    return "_".join(["HUBBUB", *(str(part).upper() for part in location)])


_NO_SETTINGS = frozenset(("HUBBUB_CONFIG", "HUBBUB_CREDENTIALS", "HUBBUB_PURE"))
"""Variables that are read before there are settings: where they are, and whether the compiled module is left out."""

_KUBERNETES = re.compile(r"HUBBUB_(SERVICE_(HOST|PORT)|PORT_\d)")
"""Variables that Kubernetes makes for a service called hubbub."""


def _is_setting(name: str) -> bool:
    if _KUBERNETES.match(name):
        return True
    bare = name.removeprefix("HUBBUB_").lower()
    return bare in Settings.model_fields or (
        bare.startswith("app_") and bare.removeprefix("app_") in DeclaredApp.model_fields
    )
