"""Publishing, and asking who is present.

Knows the calls. Does not know who may, nor who listens.
"""

from typing import Any

import msgspec
from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from hubbub.accounts.fields import Fields
from hubbub.api import broadcast, shapes
from hubbub.api.caller import Caller, SessionToken
from hubbub.api.documents import WRITING, body, refusals
from hubbub.api.paging import Answer
from hubbub.api.parameters import JSON, Parameters
from hubbub.api.paths import APPLICATION, ApplicationPath, EventPath, OrganizationPath
from hubbub.api.services import Serving
from hubbub.protocols import phoenix

routes = APIRouter(tags=["Events"])

EVENTS = APPLICATION + "/event"


class Routing(BaseModel):
    """Where an event goes; every other parameter is part of its payload."""

    model_config = ConfigDict(extra="allow")

    topic: str = Field("general", description="The topic, a Pusher channel of the same name.")
    direct: bool = Field(False, description="To the user `uid` only, in place of the topic.")
    uid: str = Field("", description="A user id, with `direct`.")
    payload: str | dict[str, Any] = Field(
        default={}, description="The whole payload: a JSON object, or its text. Other parameters are left out then."
    )


TOPIC = {
    "name": "topic",
    "in": "query",
    "description": "The topic, a Pusher channel of the same name.",
    "schema": {"type": "string", "default": "general"},
}


PRESENT = Answer[dict[str, shapes.Metas]]


class Topic(BaseModel):
    """Whose presence is asked for."""

    topic: str = Field("general", description="The topic, a Pusher channel of the same name.")


@routes.post(
    EVENTS + "/presence_list",
    name="list_presence_by_post",
    response_model=PRESENT,
    summary="List who is present (as GET)",
    responses=refusals(*WRITING),
    openapi_extra=body(Topic, None, {"topic": "general"}),
)
@routes.get(
    EVENTS + "/presence_list",
    response_model=PRESENT,
    summary="List who is present",
    responses=refusals(*WRITING),
    openapi_extra={"parameters": [TOPIC]},
)
async def list_presence(
    who: Caller, services: Serving, organization: OrganizationPath, application: ApplicationPath, given: Parameters
) -> Response:
    """Give the users present in a topic, in the shape of Phoenix.Presence. Needs an enrollment."""
    app = await services.accounts.applications.may_read_presence(who, organization, application)
    with Fields() as fields:
        channel = broadcast.topic(fields, given, app.settings)
    # What a member says of itself is JSON already: only msgspec knows how to leave it as it is.
    answer = msgspec.json.encode({"data": phoenix.presence(await services.members(app.id, channel))})
    return Response(answer, media_type=JSON)


@routes.post(
    EVENTS + "/{event:path}",
    status_code=204,
    response_class=Response,
    summary="Publish an event",
    responses=refusals(*WRITING, 429),
    openapi_extra=body(
        Routing,
        None,
        {"name": "John", "message": "Hello"},
        direct={"direct": True, "uid": "akitaonrails", "name": "John", "message": "HelloWorld"},
        payload={"topic": "orders", "payload": {"topic": "is part of the payload here"}},
    ),
)
async def publish_event(
    token: SessionToken,
    services: Serving,
    organization: OrganizationPath,
    application: ApplicationPath,
    event: EventPath,
    given: Parameters,
) -> None:
    """Publish an event to a topic of the application, or to one user.

    The payload is all parameters other than `topic`, `uid`, `direct` and `payload`, from JSON, a form or the query; of
    the latter two the values are texts. `payload` holds the whole payload instead. Pusher clients and Phoenix clients
    alike get it. Needs an enrollment that can publish.
    """
    app = await services.publishing.may_publish(token, organization, application)
    await services.publish(app, broadcast.event(event, given, app.settings))
