"""The commands about webhooks."""

# ruff: noqa: PLC0415 - what a command needs is imported when it runs

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from hubbub.cli.asking import ask_store, unless_missing
from hubbub.cli.printing import OPTIONS, Json, moment, print_fields, print_json, print_table, refuse, remark

if TYPE_CHECKING:
    from hubbub.accounts.domain_webhooks import HeldEndpoint, KeptDelivery, Sender
    from hubbub.accounts.webhooks import Webhooks
    from hubbub.settings import DeclaredApp

Answer = TypeVar("Answer")

commands = typer.Typer(help="Tell other servers what happens, and see what became of it.", **OPTIONS)

SHOWN = 50
"""Deliveries listed, unless told."""

ANSWER_SHOWN = 100
"""Characters of an answer in a table."""

IdOrKey = Annotated[
    str, typer.Argument(metavar="ID_OR_KEY", help="The application's id, or one of its keys.", show_default=False)
]
Webhook = Annotated[str, typer.Argument(metavar="WEBHOOK", help="The webhook's id, as listed.", show_default=False)]
DeliveryId = Annotated[
    str, typer.Argument(metavar="DELIVERY", help="The delivery's id, as listed.", show_default=False)
]
Kinds = Annotated[
    list[str] | None,
    typer.Option("--kind", metavar="KIND", help="A kind of events to tell of, such as member_added; may be repeated."),
]
Prefix = Annotated[str | None, typer.Option(help="Tell only of channels whose names begin so.")]
Headers = Annotated[
    list[str] | None,
    typer.Option("--header", metavar="'NAME: VALUE'", help="A header to go with every request; may be repeated."),
]


@commands.command("add")
def add_webhook(
    id_or_key: IdOrKey,
    url: Annotated[str, typer.Argument(metavar="URL", help="Where to, by http or https.", show_default=False)],
    kind: Kinds = None,
    prefix: Prefix = None,
    header: Headers = None,
    as_json: Json = False,
) -> None:
    """Tell an address what happens in an application's channels: everything, unless told which kinds."""
    from hubbub.accounts.domain import OPERATOR

    _refuse_declared(id_or_key)
    headers = _headers(header or [])
    made = _ask(
        lambda webhooks: webhooks.create(
            OPERATOR, None, id_or_key, url=url, kinds=kind or None, channel_prefix=prefix, headers=headers
        ),
        missing=_application(id_or_key),
    )
    if as_json:
        print_json(_described(made, with_secret=True))
    else:
        typer.echo(f"Webhook {made.id} is added.")


@commands.command("list")
def list_webhooks(
    id_or_key: IdOrKey,
    secret: Annotated[
        bool, typer.Option("--secret", help="Show what may be secret too, such as the values of headers.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the webhooks of an application."""
    from hubbub.accounts.domain import OPERATOR

    declared = _declared(id_or_key)
    if declared is not None:
        found = _of_declared(declared, with_secret=secret)
    else:
        found = [
            *_ask(lambda webhooks: webhooks.list(OPERATOR, None, id_or_key), missing=_application(id_or_key)).items
        ]
    if as_json:
        print_json([_described(one, with_secret=secret) for one in found])
    elif found:
        lines = [
            (str(one.id), one.url, _kinds(one), one.channel_prefix or "-", _header_lines(one, with_secret=secret))
            for one in found
        ]
        print_table(("ID", "URL", "KINDS", "PREFIX", "HEADERS"), lines)
    else:
        typer.echo(f"Application {id_or_key} has no webhook yet: run `hubbub webhook add`.")


@commands.command("set")
def set_webhook(
    webhook: Webhook,
    url: Annotated[str | None, typer.Option(metavar="URL", help="Where to, by http or https.")] = None,
    kind: Kinds = None,
    prefix: Prefix = None,
    header: Headers = None,
    no_headers: Annotated[bool, typer.Option("--no-headers", help="Send no header of its own any more.")] = False,
) -> None:
    """Change a webhook. Kinds and headers that are given are then all that there are."""
    from hubbub.accounts.domain import OPERATOR

    if no_headers and header:
        raise typer.BadParameter("goes without --header", param_hint="--no-headers")
    headers = _headers(header or []) if header or no_headers else None
    changed = _ask(
        lambda webhooks: webhooks.update(
            OPERATOR, None, None, webhook, url=url, kinds=kind or None, channel_prefix=prefix, headers=headers
        ),
        missing=_webhook(webhook),
    )
    typer.echo(f"Webhook {changed.id} is changed.")


@commands.command("remove")
def remove_webhook(webhook: Webhook) -> None:
    """Remove a webhook: what waits for it is not sent any more."""
    from hubbub.accounts.domain import OPERATOR

    _ask(lambda webhooks: webhooks.remove(OPERATOR, None, None, webhook), missing=_webhook(webhook))
    typer.echo(f"Webhook {webhook} is removed.")


@commands.command("deliveries")
def list_deliveries(
    id_or_key: IdOrKey,
    failed: Annotated[bool, typer.Option("--failed", help="Only those that failed.")] = False,
    webhook: Annotated[
        str | None, typer.Option(metavar="WEBHOOK", help="Only those to this webhook, by its id.")
    ] = None,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=1000)] = SHOWN,
    as_json: Json = False,
) -> None:
    """List what was sent for an application, or is about to be, the newest first."""
    import msgspec

    from hubbub.accounts.domain import OPERATOR

    sender = _sender(id_or_key)
    found = _ask(
        lambda webhooks: webhooks.deliveries(
            OPERATOR, None, sender, state="failed" if failed else None, endpoint=webhook, limit=limit
        ),
        missing=_application(id_or_key),
    )
    if as_json:
        print_json(msgspec.to_builtins(found.items))
    elif found.items:
        print_table(
            ("ID", "WEBHOOK", "STATE", "TRIES", "TIME", "CHANNELS", "SENT AGAIN"),
            [_delivery_line(one) for one in found.items],
        )
        if found.total > len(found.items):
            remark(f"{found.total - len(found.items)} more: see --limit.")
    else:
        typer.echo("Nothing failed." if failed else "Nothing was sent yet.")


@commands.command("show")
def show_delivery(delivery: DeliveryId, as_json: Json = False) -> None:
    """Show a delivery: what was sent, and every try."""
    import msgspec

    from hubbub.accounts.domain import OPERATOR

    report = _ask(lambda webhooks: webhooks.delivery(OPERATOR, None, None, delivery), missing=_delivery(delivery))
    if as_json:
        print_json(msgspec.to_builtins(report))
        return
    shown = report.delivery
    print_fields(
        {
            "Delivery": str(shown.id),
            "Webhook": str(shown.endpoint_id) if report.has_endpoint else f"{shown.endpoint_id}, which is removed",
            "State": shown.state.value,
            "Time": _time(shown),
            "Finished": moment(shown.finished_at),
            "Sent again": moment(shown.resent_at),
            "X-Pusher-Key": report.key,
            "X-Pusher-Signature": report.signature,
            "Body": _printable(report.body),
        }
    )
    if report.ledger:
        typer.echo()
        lines = [
            (moment(one.at), str(one.duration_ms), str(one.status or "-"), _cell(one.problem or one.answer))
            for one in report.ledger
        ]
        print_table(("AT", "MS", "STATUS", "ANSWER"), lines)


@commands.command("resend")
def resend_delivery(delivery: DeliveryId) -> None:
    """Send the events of a delivery again, as new ones: receivers refuse what was signed minutes ago."""
    from hubbub.accounts.domain import OPERATOR

    _ask(lambda webhooks: webhooks.resend(OPERATOR, None, None, delivery), missing=_delivery(delivery))
    typer.echo(f"The events of delivery {delivery} are sent again.")


@commands.command("resend-failed")
def resend_failed(id_or_key: IdOrKey) -> None:
    """Send again what failed of an application and was not sent again yet."""
    from hubbub.accounts.domain import OPERATOR

    sender = _sender(id_or_key)
    count = _ask(lambda webhooks: webhooks.resend_failed(OPERATOR, None, sender), missing=_application(id_or_key))
    many = f"{count} deliveries" if count > 1 else "1 delivery"
    typer.echo(f"The events of {many} are sent again." if count else "Nothing is to be sent again.")


def _ask(question: "Callable[[Webhooks], Awaitable[Answer]]", *, missing: str) -> Answer:
    """Give the answer of a use-case, under the policy of the settings."""
    from hubbub.accounts.accounts import Accounts
    from hubbub.accounts.policy import Policy
    from hubbub.settings import load

    policy = Policy.of(load())
    with unless_missing(missing):
        return ask_store(lambda store: question(Accounts(store, policy=policy).webhooks))


def _refuse_declared(id_or_key: str) -> None:
    """End the program if this is the application that settings declare."""
    declared = _declared(id_or_key)
    if declared is not None:
        refuse(f"Application {declared.id} is declared by settings: set HUBBUB_APP_WEBHOOK_URL instead.")


def _declared(id_or_key: str) -> "DeclaredApp | None":
    from hubbub.settings import load

    app = load().app
    return app if app is not None and id_or_key in (app.id, app.key) else None


def _sender(id_or_key: str) -> "str | Sender":
    from hubbub.accounts.domain_webhooks import Sender

    declared = _declared(id_or_key)
    return id_or_key if declared is None else Sender(declared.id, is_declared=True)


def _of_declared(app: "DeclaredApp", *, with_secret: bool) -> "list[HeldEndpoint]":
    """Give the endpoint that settings declare, if they do; its address is a secret of theirs."""
    from hubbub.accounts.domain_webhooks import HeldEndpoint
    from hubbub.webhooks.seam import DECLARED, KINDS

    if app.webhook_url is None:
        return []
    start = datetime.fromtimestamp(0, UTC)
    url = app.webhook_url.get_secret_value() if with_secret else str(app.webhook_url)
    return [
        HeldEndpoint(
            id=DECLARED, url=url, kinds=KINDS, channel_prefix="", headers={}, created_at=start, updated_at=start
        )
    ]


def _application(id_or_key: str) -> str:
    return f"application with the id or key {id_or_key!r}, or it is archived"


def _webhook(webhook: str) -> str:
    return f"webhook {webhook!r}, or its application is archived"


def _delivery(delivery: str) -> str:
    return f"delivery {delivery!r}, or its application is archived"


def _headers(texts: list[str]) -> dict[str, str]:
    """Give headers by name. What is wrong with one is told without the text: there may be a secret in it."""
    headers: dict[str, str] = {}
    for text in texts:
        name, colon, value = text.partition(":")
        if not colon:
            raise typer.BadParameter("is not 'NAME: VALUE'", param_hint="--header")
        headers[name.strip()] = value.strip()
    return headers


def _described(one: "HeldEndpoint", *, with_secret: bool) -> dict[str, Any]:
    import msgspec

    shown: dict[str, Any] = msgspec.to_builtins(one)
    return shown if with_secret else shown | {"headers": dict.fromkeys(one.headers)}


def _kinds(one: "HeldEndpoint") -> str:
    from hubbub.webhooks.seam import KINDS

    return "all" if one.kinds == KINDS else ", ".join(one.kinds)


def _header_lines(one: "HeldEndpoint", *, with_secret: bool) -> str:
    shown = [f"{name}: {value}" if with_secret else name for name, value in one.headers.items()]
    return ", ".join(shown) or "-"


def _delivery_line(one: "KeptDelivery") -> tuple[str, ...]:
    channels = ", ".join(one.channels[:3]) + (", …" if len(one.channels) > 3 else "")
    again = moment(one.resent_at)
    return str(one.id), str(one.endpoint_id), one.state.value, str(one.attempts), _time(one), channels, again


def _time(one: "KeptDelivery") -> str:
    return moment(datetime.fromtimestamp(one.time_ms / 1000, UTC))


def _printable(text: str) -> str:
    """Give a text in one line, without what would speak to the terminal: it may come from anybody."""
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()


def _cell(text: str) -> str:
    """Give the beginning of such a text, each space in it a single one."""
    return " ".join(_printable(text).split())[:ANSWER_SHOWN]
