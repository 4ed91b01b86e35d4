"""User tokens, as the administration shows them. Their texts are kept nowhere."""

from hubbub.accounts.accounts import Accounts
from hubbub.accounts.domain import Identity, Page
from hubbub.accounts.people import UserToken
from hubbub.web.admin.cells import Badges, Link, Moment, Text, user_link
from hubbub.web.admin.resource import YES_NO, Column, Creating, Deed, Fact, Filter, Input, Made, Resource, Wanted
from hubbub.web.visit import Form


async def _find(accounts: Accounts, who: Identity, wanted: Wanted) -> Page[UserToken]:
    return await accounts.register.tokens(
        who, user=wanted.text("user"), invalidated=wanted.flag("invalidated"), **wanted.part
    )


async def _get(accounts: Accounts, who: Identity, key: str) -> UserToken:
    return await accounts.records.token(who, key)


def _badges(one: UserToken) -> tuple[tuple[str, str], ...]:
    return (("invalidated", "bad"),) if one.token.invalidated_at is not None else (("valid", "good"),)


async def _create(accounts: Accounts, who: Identity, form: Form) -> Made:
    made = await accounts.tokens.create(who, form["user"])
    return Made(
        key=str(made.token.id),
        notice="The token was made.",
        secret=made.text,
        secret_label="Token",  # noqa: S106 - what it is called
        secret_hint="It signs its user in to the JSON API. It is shown this once.",  # noqa: S106
    )


async def _invalidate(accounts: Accounts, who: Identity, one: UserToken, _form: Form) -> str:
    await accounts.tokens.invalidate(who, str(one.user.id), str(one.token.id))
    return f"The token {one.token.prefix}… is invalid now."


TOKENS = Resource(
    name="tokens",
    one="token",
    many="Tokens",
    icon="key-round",
    about="What users sign in to the JSON API with. Only the first characters are kept.",
    searched="first characters or user",
    find=_find,
    get=_get,
    key=lambda one: str(one.token.id),
    title=lambda one: f"Token {one.token.prefix}…",
    badges=_badges,
    columns=(
        Column(
            "prefix", "Token", lambda one: Link(f"{one.token.prefix}…", f"/admin/tokens/{one.token.id}"), is_sorted=True
        ),
        Column("user", "User", lambda one: user_link(one.user.id, one.user.name), is_sorted=True),
        Column("state", "State", lambda one: Badges(_badges(one))),
        Column("created_at", "Created", lambda one: Moment(one.token.created_at), is_sorted=True),
        Column("invalidated_at", "Invalidated", lambda one: Moment(one.token.invalidated_at), is_sorted=True),
    ),
    filters=(Filter("invalidated", "Invalidated", YES_NO), Filter("user", "User (id or address)")),
    facts=(
        Fact("Id", lambda one: Text(one.token.id)),
        Fact("Begins with", lambda one: Text(one.token.prefix, is_code=True)),
        Fact("User", lambda one: user_link(one.user.id, f"{one.user.name} ({one.user.email})")),
        Fact("Created", lambda one: Moment(one.token.created_at)),
        Fact("Invalidated", lambda one: Moment(one.token.invalidated_at)),
    ),
    creating=Creating(
        (Input(name="user", label="User", hint="Id or e-mail address.", is_required=True),), _create, unknown="user"
    ),
    deeds=(
        Deed(
            name="invalidate",
            label="Invalidate",
            icon="circle-x",
            run=_invalidate,
            is_offered=lambda one: one.token.invalidated_at is None,
            question=lambda one: (
                f"Nobody can sign in with it any more, and what {one.user.name} was issued from it"
                " ends: live sockets that rest on it are closed. It cannot be brought back."
            ),
            is_danger=True,
        ),
    ),
)
