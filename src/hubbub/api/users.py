"""The user who calls, and user tokens.

Knows the calls. Does not know who may: the use-cases do.
"""

from functools import partial

from fastapi import APIRouter

from hubbub.accounts.domain import Identity
from hubbub.api import shapes
from hubbub.api.caller import Caller
from hubbub.api.documents import READING, refusals
from hubbub.api.paging import Many, One, Paged
from hubbub.api.paths import MemberPath, TokenPath
from hubbub.api.services import UseCases

routes = APIRouter(tags=["User"])


@routes.get("/me", summary="Who am I?", responses=refusals(401, 403))
async def show_me(who: Caller, accounts: UseCases) -> One[shapes.User]:
    """Give the user whose session token this is."""
    return One(data=shapes.User.model_validate(await accounts.users.me(who)))


@routes.get(
    "/users/{user_id}/tokens",
    summary="List user tokens",
    response_model_exclude_unset=True,
    responses=refusals(*READING, 422),
)
async def list_tokens(who: Caller, accounts: UseCases, user_id: MemberPath, page: Paged) -> Many[shapes.Token]:
    """Give one's own user tokens, or for root anyone's, those no longer valid too. Their texts are not kept."""
    return await page.ask(partial(accounts.tokens.list, who, named(who, user_id)), shapes.Token.model_validate)


@routes.post("/users/{user_id}/tokens", summary="Make a user token", responses=refusals(*READING))
async def create_token(who: Caller, accounts: UseCases, user_id: MemberPath) -> One[shapes.NewToken]:
    """Make a user token of one's own, or for root anyone's. Its text is shown this once."""
    new = await accounts.tokens.create(who, named(who, user_id))
    return One(data=shapes.NewToken(id=new.token.id, token=new.text))


@routes.delete("/users/{user_id}/tokens/{token}", summary="Invalidate a user token", responses=refusals(*READING))
async def invalidate_token(who: Caller, accounts: UseCases, user_id: MemberPath, token: TokenPath) -> One[shapes.Token]:
    """End a user token, and with it every session token that was issued from it, open sockets included."""
    return One(data=shapes.Token.model_validate(await accounts.tokens.invalidate(who, named(who, user_id), token)))


def named(who: Identity, user_id: str) -> str:
    """Give the user that a path names, where `me` is the caller."""
    return str(who.user.id) if user_id == "me" else user_id
