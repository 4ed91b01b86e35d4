"""Session tokens: the JWTs that are issued from user tokens, and what they let one do.

Knows: the claims, the signature, and when a token no longer counts. Does not know requests nor sockets.

The claims are those of ExPusherLite (`aud` and `sub` are `User:ID`; `pem` holds bits by realm), and our own: `tok`, the
id of the user token; `chn`, true in a token for sockets only; `app`, `uid` and `topics`, which narrow such a token.
"""

import re
import secrets
import time
from typing import Any
from uuid import uuid4

import jwt
import msgspec

from hubbub.accounts.domain import Grant, Identity, User
from hubbub.accounts.fields import BLANK, Fields, invalid
from hubbub.accounts.proofs import hash_of
from hubbub.accounts.seam import Store, Work
from hubbub.apps import Application
from hubbub.errors import FORBIDDEN, UNAUTHENTICATED, Refusal

ALGORITHM = "HS512"
SECRET_NAME = "jwt"  # noqa: S105 - the name of its row
LONGEST_TOKEN = 7_000
"""Characters of a session token: the line that opens a WebSocket has 8192 bytes at most, and holds more than this."""

JOIN_CHANNEL, SEND_MESSAGE = 1, 2  # bits of `default`
API_ADMIN = 1  # bit of `admin`

SUBJECT = re.compile(r"User:([1-9][0-9]{0,9})")
UID = re.compile(r"[-a-zA-Z0-9_=@,.;]{1,128}")
TOPIC = re.compile(r"(#server-to-user-)?([-a-zA-Z0-9_=@,.;]{1,200}|[-a-zA-Z0-9_=@,.;]{0,199}\*)")
MOST_TOPICS = 50


class Claims(msgspec.Struct, omit_defaults=True):
    """What a session token says."""

    aud: str
    sub: str
    iss: str
    iat: int
    exp: int
    jti: str
    typ: str
    pem: dict[str, int]
    tok: int
    chn: bool = False
    app: str | None = None
    uid: str | None = None
    topics: tuple[str, ...] | None = None


class Sessions:
    """Issues session tokens, and reads them again.

    HS512, signed with `secret`, or with a key that is made at first use and kept with the database. `lifetime` is in
    seconds.
    """

    def __init__(
        self, store: Store, *, secret: str | None = None, issuer: str = "Hubbub", lifetime: int = 864_000
    ) -> None:
        self._store = store
        self._secret = secret
        self._issuer = issuer
        self._lifetime = lifetime

    async def issue(
        self,
        token: object,
        *,
        channel: object = False,
        app_key: object = None,
        uid: object = None,
        topics: object = None,
        expires_in: object = None,
    ) -> str:
        """Give a session token for the text of a user token.

        `channel`: one that opens sockets and nothing else, fit for a browser. The others narrow such a token, and each
        of them implies `channel`: to the application of a key, to a user id on the socket, to topics (one name, or a
        list of names; `prefix*` means all that begin so), to fewer seconds.
        Raises UNAUTHENTICATED for a bad, unknown or invalidated token and an archived user, INVALID.
        """
        async with self._store.reading() as work:
            bearer = await work.users.bearer(hash_of(token.strip())) if isinstance(token, str) else None
            if bearer is None:
                raise UNAUTHENTICATED(problem="Unknown or invalidated token")
            user, token_id = bearer
            with Fields() as fields:
                app_id = None if app_key is None else await _application(work, user, fields, app_key)
                user_id = None if uid is None else _uid(fields, uid)
                names = None if topics is None else _topics(fields, topics)
                seconds = self._lifetime
                if expires_in is not None:
                    seconds = fields.number("expires_in", expires_in, 1, self._lifetime)
                is_channel_only = fields.flag("channel", channel)
            if any(narrowing is not None for narrowing in (app_key, uid, topics, expires_in)):
                is_channel_only = True
            pem = {"default": JOIN_CHANNEL | SEND_MESSAGE}
            if not is_channel_only and await work.users.is_admin_somewhere(user.id):
                pem["admin"] = API_ADMIN
        now, subject = int(time.time()), f"User:{user.id}"
        claims = Claims(
            aud=subject,
            sub=subject,
            iss=self._issuer,
            iat=now,
            exp=now + seconds,
            jti=str(uuid4()),
            typ="access",
            pem=pem,
            tok=token_id,
            chn=is_channel_only,
            app=app_id,
            uid=user_id,
            topics=names,
        )
        text = jwt.encode(msgspec.to_builtins(claims), await self._key(), algorithm=ALGORITHM)
        if len(text) > LONGEST_TOKEN:
            raise invalid("topics", "are too long together: name fewer, or prefixes that end in *")
        return text

    async def verify(self, jwt: str) -> Identity:
        """Give who holds this session token. Raises UNAUTHENTICATED, which tells the kind of fault."""
        grant = await self._grant(jwt)
        async with self._store.reading() as work:
            return Identity(await _holder(work, grant), grant)

    async def admit(self, jwt: str, app: Application) -> Grant:
        """Give what the holder may do on a socket of `app`. To send they need an enrollment that can publish, too.

        Raises UNAUTHENTICATED; FORBIDDEN when the token is for another application or may not join, or its user, root
        or not, is enrolled in no organization that holds the application.
        """
        grant = await self._grant(jwt)
        if not grant.may_join:
            raise FORBIDDEN(problem="this session token does not let one join")
        async with self._store.reading() as work:
            await _holder(work, grant)
            may_publish = await _may_publish(work, grant.user_id, app) if _is_for(grant, app) else None
            if may_publish is None:
                raise FORBIDDEN(problem="this session token is not for this application")
        return grant if may_publish else msgspec.structs.replace(grant, may_send=False)

    async def readmit(self, grant: Grant, app: Application) -> bool:
        """Tell whether a live socket may stay as it is: asked again when its user or its application changed.

        One that may no longer send may not: it can come back without. A socket outlives the end of its token's time.
        """
        if not _is_for(grant, app):
            return False
        async with self._store.reading() as work:
            if await work.users.signed_in(grant.user_id, grant.token_id) is None:
                return False
            may_publish = await _may_publish(work, grant.user_id, app)
            return may_publish is not None and (may_publish or not grant.may_send)

    async def _key(self) -> str:
        if self._secret is None:
            self._secret = await self._store.server_secret(SECRET_NAME, secrets.token_urlsafe(64))
        return self._secret

    async def _grant(self, text: str) -> Grant:
        """Give what a session token says, its signature and dates checked. Raises UNAUTHENTICATED."""
        claims = self._claims(text, await self._key())
        subject = SUBJECT.fullmatch(claims.sub)
        if subject is None or claims.aud != claims.sub or claims.typ != "access":
            raise _malformed()
        bits = claims.pem.get("default", 0)
        return Grant(
            user_id=int(subject[1]),
            token_id=claims.tok,
            expires_at=float(claims.exp),
            may_join=bool(bits & JOIN_CHANNEL),
            may_send=bool(bits & SEND_MESSAGE),
            is_channel_only=claims.chn,
            app_id=claims.app,
            uid=claims.uid,
            topics=claims.topics,
        )

    def _claims(self, text: str, key: str) -> Claims:
        if len(text) > LONGEST_TOKEN:
            raise _malformed()
        # `iat` may lie in this node's future: the clocks of nodes differ, and `exp` is what counts.
        options: Any = {"require": list(Claims.__struct_fields__[:8]), "verify_aud": False, "verify_iat": False}
        try:
            said = jwt.decode(text, key, algorithms=[ALGORITHM], issuer=self._issuer, options=options)
            return msgspec.convert(said, Claims)
        except jwt.ExpiredSignatureError:
            raise UNAUTHENTICATED(problem="This session token has expired") from None
        except (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError, jwt.InvalidIssuerError):
            raise UNAUTHENTICATED(problem="This session token was not issued by this server") from None
        # RecursionError: the head of a token is JSON, read before its signature is checked.
        except (jwt.InvalidTokenError, msgspec.ValidationError, ValueError, RecursionError):
            raise _malformed() from None


def _malformed() -> Refusal:
    return UNAUTHENTICATED(problem="Malformed session token")


async def _holder(work: Work, grant: Grant) -> User:
    user = await work.users.signed_in(grant.user_id, grant.token_id)
    if user is None:
        raise UNAUTHENTICATED(problem="This session has been revoked")
    return user


def _is_for(grant: Grant, app: Application) -> bool:
    return grant.app_id is None or grant.app_id == app.id


async def _may_publish(work: Work, user_id: int, app: Application) -> bool | None:
    """Tell whether a user may publish to an application; None for one who may not even enter it."""
    return await work.users.may_publish_to(user_id, app.id, [pair.key for pair in app.key_pairs])


async def _application(work: Work, user: User, fields: Fields, app_key: object) -> str | None:
    """Give the id of the application of a key, if the user may enter it."""
    key = fields.text("app_key", app_key)
    app = await work.applications.by_key(key) if key else None
    if app is not None and await _may_publish(work, user.id, app) is not None:
        return app.id
    if key:
        fields.fault("app_key", "is not the key of an application of yours")
    return None


def _uid(fields: Fields, uid: object) -> str:
    text = str(uid) if isinstance(uid, int) and not isinstance(uid, bool) else uid
    if not isinstance(text, str) or not UID.fullmatch(text):
        fields.fault("uid", "must have 1 to 128 letters, digits or any of -_=@,.;")
        return ""
    return text


def _topics(fields: Fields, topics: object) -> tuple[str, ...]:
    names = [topics] if isinstance(topics, str) else topics
    if not isinstance(names, list | tuple) or not names:
        fields.fault("topics", BLANK if names in ("", [], ()) else "must be a list of names")
        return ()
    if len(names) > MOST_TOPICS:
        fields.fault("topics", f"must be at most {MOST_TOPICS}")
    elif any(not isinstance(name, str) or not TOPIC.fullmatch(name) for name in names):
        fields.fault("topics", "must be names of channels, at most 200 characters each, or prefixes that end in *")
    else:
        return tuple(names)
    return ()
