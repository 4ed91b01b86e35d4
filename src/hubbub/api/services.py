"""What the routes work with, and how each gets it.

Knows only the callables. Does not know who put them together.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated

import msgspec
from fastapi import Depends, Request

from hubbub.accounts.accounts import Accounts
from hubbub.accounts.publishing import Publishing
from hubbub.accounts.sessions import Sessions
from hubbub.apps import Application
from hubbub.errors import Reason
from hubbub.messages import Event, Member


class Services(msgspec.Struct, frozen=True):
    """The use-cases, who may publish, and the two things asked of the node.

    `publish` sends an event of an application to its channel, and raises EVENT_RATE; `members` gives who is present in
    a channel of the application with an id, by user id. `refused` is told for which reason anything is refused.
    """

    accounts: Accounts
    sessions: Sessions
    publishing: Publishing
    publish: Callable[[Application, Event], Awaitable[None]]
    members: Callable[[str, str], Awaitable[Mapping[str, Member]]]
    max_body_bytes: int
    refused: Callable[[Reason], object] = lambda _: None


async def services_of(request: Request) -> Services:
    """Give the services of the application that serves `request`."""
    services = request.app.state.services
    assert isinstance(services, Services)
    return services


async def accounts_of(request: Request) -> Accounts:
    """Give the use-cases of the application that serves `request`."""
    return (await services_of(request)).accounts


Serving = Annotated[Services, Depends(services_of)]
"""The services, for a route that needs more than the use-cases."""

UseCases = Annotated[Accounts, Depends(accounts_of)]
"""The use-cases, for a route."""
