"""The commands about webhooks."""

# ruff: noqa: PLC0415 - what a command needs is imported when it runs

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from hubbub.cli.asking import ask_store, unless_missing
from hubbub.cli.printing import OPTIONS, Json, moment, print_fields, print_json, print_table, refuse, remark

if TYPE_CHECKING:
    from hubbub.accounts.domain import Page
    from hubbub.accounts.domain_webhooks import HeldEndpoint, KeptDelivery, Sender
    from hubbub.accounts.webhooks import Webhooks
    from hubbub.settings import DeclaredApp

Answer = TypeVar("Answer")

commands = typer.Typer(help="Tell other servers what happens, and see what became of it.", **OPTIONS)

SHOWN = 50
"""Deliveries listed, unless told."""

WRONGLY_USED = 2
"""The status of a command that cannot be meant."""

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
    typer.Option(
        "--kind",
        metavar="KIND",
        help="A kind of events to tell of; may be repeated. One of channel_occupied, channel_vacated, member_added, "
        "member_removed, client_event, cache_miss, subscription_count.",
    ),
]
Prefix = Annotated[
    str | None, typer.Option(metavar="TEXT", help="Tell only of channels whose names begin so; '' for all.")
]
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
        bool,
        typer.Option(
            "--secret", help="Show what may be secret too: values of headers, and the address that settings declare."
        ),
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
        typer.echo(f"Application {id_or_key} has no webhook: run `hubbub webhook add`.")


@commands.command("set")
def set_webhook(
    webhook: Webhook,
    url: Annotated[str | None, typer.Option(metavar="URL", help="Where to, by http or https.")] = None,
    kind: Kinds = None,
    all_kinds: Annotated[bool, typer.Option("--all-kinds", help="Tell of all kinds of events.")] = False,
    prefix: Prefix = None,
    header: Headers = None,
    no_headers: Annotated[bool, typer.Option("--no-headers", help="Send no header of its own any more.")] = False,
) -> None:
    """Change a webhook. Kinds and headers that are given are then all that there are."""
    from hubbub.accounts.domain import OPERATOR
    from hubbub.webhooks.seam import KINDS

    if no_headers and header:
        raise typer.BadParameter("goes without --header", param_hint="--no-headers")
    if all_kinds and kind:
        raise typer.BadParameter("goes without --kind", param_hint="--all-kinds")
    if url is None and prefix is None and not (kind or all_kinds or header or no_headers):
        typer.echo("Nothing to change: give --url, --kind, --all-kinds, --prefix, --header or --no-headers.", err=True)
        raise typer.Exit(WRONGLY_USED)
    _refuse_declared_webhook(webhook)
    kinds = KINDS if all_kinds else kind or None
    headers = _headers(header or []) if header or no_headers else None
    changed = _ask(
        lambda webhooks: webhooks.update(
            OPERATOR, None, None, webhook, url=url, kinds=kinds, channel_prefix=prefix, headers=headers
        ),
        missing=_webhook(webhook),
    )
    typer.echo(f"Webhook {changed.id} is changed.")


@commands.command("remove")
def remove_webhook(webhook: Webhook) -> None:
    """Remove a webhook: what waits for it is not sent any more."""
    from hubbub.accounts.domain import OPERATOR

    _refuse_declared_webhook(webhook)
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

    async def found_by(webhooks: "Webhooks") -> "Page[KeptDelivery] | None":
        found = await webhooks.deliveries(
            OPERATOR, None, sender, state="failed" if failed else None, endpoint=webhook, limit=limit
        )
        # What was sent to one that is removed by now is listed all the same.
        is_known = found.items or webhook is None or await _is_there(webhooks, sender, webhook)
        return found if is_known else None

    found = _ask(found_by, missing=_application(id_or_key))
    if found is None:
        refuse(f"There is no webhook {webhook!r}.")
    if as_json:
        print_json(msgspec.to_builtins(found.items))
    elif found.items:
        print_table(
            ("ID", "WEBHOOK", "STATE", "TRIES", "TIME", "EVENTS", "CHANNELS", "SENT AGAIN"),
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
            "Events": _some(shown.kinds),
            "Channels": _some(shown.channels),
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
    from hubbub.errors import INVALID, Refusal

    async def resend(webhooks: "Webhooks") -> str:
        try:
            await webhooks.resend(OPERATOR, None, None, delivery)
        except Refusal as refusal:
            if refusal.reason is not INVALID:
                raise
            return _why_not((await webhooks.delivery(OPERATOR, None, None, delivery)).delivery)
        return ""

    if problem := _ask(resend, missing=_delivery(delivery)):
        refuse(problem)
    typer.echo(f"The events of delivery {delivery} are sent again: `hubbub webhook deliveries` lists the new delivery.")


@commands.command("resend-failed")
def resend_failed(id_or_key: IdOrKey) -> None:
    """Send again what failed of an application and was not sent again yet."""
    from hubbub.accounts.domain import OPERATOR

    sender = _sender(id_or_key)
    count = _ask(lambda webhooks: webhooks.resend_failed(OPERATOR, None, sender), missing=_application(id_or_key))
    if not count:
        typer.echo("Nothing is to be sent again.")
        return
    many = f"{count} deliveries" if count > 1 else "1 delivery"
    typer.echo(f"The events of {many} are sent again: see `hubbub webhook deliveries {id_or_key}`.")


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


def _refuse_declared_webhook(webhook: str) -> None:
    """End the program if this is the webhook that settings declare."""
    from hubbub.settings import load
    from hubbub.webhooks.seam import DECLARED

    app = load().app
    if webhook == str(DECLARED) and app is not None and app.webhook_url is not None:
        refuse(f"Webhook {webhook} is declared by HUBBUB_APP_WEBHOOK_URL: change it there.")


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


async def _is_there(webhooks: "Webhooks", sender: "str | Sender", webhook: str) -> bool:
    """Tell whether an application, which is there, has a webhook."""
    from hubbub.accounts.domain import OPERATOR
    from hubbub.errors import UNKNOWN, Refusal
    from hubbub.webhooks.seam import DECLARED

    if not isinstance(sender, str):
        return webhook == str(DECLARED)
    try:
        await webhooks.get(OPERATOR, None, sender, webhook)
    except Refusal as refusal:
        if refusal.reason is not UNKNOWN:
            raise
        return False
    return True


def _why_not(one: "KeptDelivery") -> str:
    """Say why a delivery is not sent again."""
    from hubbub.settings import load
    from hubbub.webhooks.seam import State

    if one.state is not State.PENDING:
        return f"Delivery {one.id} cannot be sent again: its webhook is removed."
    end = datetime.fromtimestamp(one.time_ms / 1000 + load().webhook_window, UTC)
    # After its window only a server that starts tries it.
    until = f"until {end:%H:%M:%S}Z" if end > datetime.now(UTC) else "when a server starts"
    return f"Delivery {one.id} is still on its way: it is tried again by itself {until}."


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
    events, channels, again = _some(one.kinds), _some(one.channels), moment(one.resent_at)
    return str(one.id), str(one.endpoint_id), one.state.value, str(one.attempts), _time(one), events, channels, again


def _some(words: Sequence[str]) -> str:
    """Give the first of some words."""
    return (", ".join(words[:3]) + (", …" if len(words) > 3 else "")) or "-"


def _time(one: "KeptDelivery") -> str:
    return moment(datetime.fromtimestamp(one.time_ms / 1000, UTC))


def _printable(text: str) -> str:
    """Give a text in one line, without what would speak to the terminal: it may come from anybody."""
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()


def _cell(text: str) -> str:
    """Give the beginning of such a text, each space in it a single one."""
    return " ".join(_printable(text).split())[:ANSWER_SHOWN]
