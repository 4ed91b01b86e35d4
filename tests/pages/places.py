"""Every page there is, as one comes to it: for what must hold of all of them, and for their pictures."""

import msgspec

from pages.scenery import Scenery

ADMIN_ROOMS = (
    "users", "organizations", "enrollments", "invitations", "tokens", "applications", "ownerships", "webhooks", "audit",
)  # fmt: skip

KEYS = {"enrollments": "1-1", "ownerships": "1-1"}
"""What the first of a room is called where that is not its number."""


class Place(msgspec.Struct, frozen=True):
    """A page: its name in file names, its path, and the pattern of the page that answers there.

    `visitor` is who goes there: `nobody`, or `admin`, the root user.
    """

    name: str
    path: str
    pattern: str
    visitor: str = "admin"


NOT_PAGES = frozenset(
    (
        "/demo/session",
        "/applications/{application}/start/counts",
        "/applications/{application}/console/stream",
        "/applications/{application}/live.json",
        "/applications/{application}/statistics.csv",
        "/applications/{application}/statistics.json",
    )
)
"""What scripts ask for."""


def places(server: Scenery) -> list[Place]:
    """Give all pages of a furnished server."""
    organization, application = "/organizations/acme-inc", f"/applications/{server.app_id}"
    found = [
        Place("home", "/", "/", "nobody"),
        Place("home-signed-in", "/", "/"),
        Place("missing", "/nothing", "", "nobody"),
        *(
            Place(path.strip("/").replace("/", "-"), path, path, "nobody")
            for path in ("/demo", "/sign-up", "/sign-in", "/confirm", "/forgotten", "/reset", "/unlock", "/invitation")
        ),
        *(
            Place(f"account-{name}" if name else "account", path, path)
            for name in ("", "email", "password", "sessions", "two-factor", "tokens")
            for path in [f"/account/{name}".rstrip("/")]
        ),
        Place("organizations", "/organizations", "/organizations"),
        Place("organizations-new", "/organizations/new", "/organizations/new"),
        *(
            Place(f"organization{part.replace('/', '-')}", organization + part, "/organizations/{organization}" + part)
            for part in ("", "/members", "/invitations", "/usage", "/audit", "/settings", "/applications/new")
        ),
        *(
            Place(f"application{part.replace('/', '-')}", application + part, "/applications/{application}" + part)
            for part in (
                "",
                "/start",
                "/keys",
                "/console",
                "/creator",
                "/channels",
                "/connections",
                "/errors",
                "/statistics",
                "/webhooks",
                "/webhooks/new",
                "/sharing",
                "/settings",
            )
        ),
        Place(
            "application-channel", f"{application}/channels?name=presence-lobby", "/applications/{application}/channels"
        ),
        Place("errors", "/errors", "/errors"),
        Place("admin", "/admin", "/admin"),
        *(Place(f"admin-{room}", f"/admin/{room}", f"/admin/{room}") for room in ADMIN_ROOMS),
        *(
            Place(f"admin-{room}-new", f"/admin/{room}/new", f"/admin/{room}/new")
            for room in ADMIN_ROOMS
            if room != "audit"
        ),
        *(
            Place(f"admin-{room}-1", f"/admin/{room}/{KEYS.get(room, '1')}", f"/admin/{room}/{{key}}")
            for room in ADMIN_ROOMS
        ),
        *(
            Place(f"admin-{room}-1-edit", f"/admin/{room}/1/edit", f"/admin/{room}/{{key}}/edit")
            for room in ("users", "organizations", "applications")
        ),
    ]
    assert len({place.name for place in found}) == len(found)
    return found
