"""What stands in the paths of the routes, and the paths of what was made.

Knows names and descriptions. Does not know what is behind an id: the use-cases take it as it came.
"""

from typing import Annotated
from urllib.parse import quote

from fastapi import Path, Request
from starlette.convertors import Convertor, register_url_convertor


class _Digits(Convertor[str]):
    """The digits of an id, for a path beside which others have words in the same place."""

    regex = "[0-9]{1,19}"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("digits", _Digits())

ORGANIZATION = "/organizations/{organization}"
APPLICATION = ORGANIZATION + "/applications/{application}"

OrganizationPath = Annotated[str, Path(description="The organization's id or slug.", examples=["acme-inc"])]
ApplicationPath = Annotated[
    str, Path(description="The application's id or `app_key`.", examples=["a4ae0e92-5c24-4b7c-9d0e-5f6b1e0c3a11"])
]
MemberPath = Annotated[str, Path(description="The user's id or e-mail address; `me` for oneself.", examples=["me"])]
TokenPath = Annotated[
    str, Path(description="The token's id, its text, or the 8 characters its text begins with.", examples=["1"])
]
KeyPath = Annotated[str, Path(description="The key.", examples=["a4ae0e92-5c24-4b7c-9d0e-5f6b1e0c3a11"])]
BorrowerPath = Annotated[str, Path(description="The borrowing organization's id or slug.", examples=["globex"])]
EndpointPath = Annotated[str, Path(description="The webhook's id.", examples=["1"])]
DeliveryPath = Annotated[str, Path(description="The delivery's id.", examples=["1"])]
EventPath = Annotated[
    str, Path(description="The event's name. `presence_list` is a question, see there.", examples=["new_message"])
]


def location(request: Request, *parts: str | int) -> str:
    """Give the path of what has just been made."""
    return "/".join([request.scope.get("root_path", ""), *(quote(str(part), safe="") for part in parts)])
