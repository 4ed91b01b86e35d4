"""What the audit says, in plain words.

Pure. Knows: the words of each action. Does not know who reads them.
"""

from collections.abc import Mapping
from typing import Any, Final

from hubbub.accounts.people import AuditEntry

ACTIONS: Final[Mapping[str, str]] = {
    "organization.create": "created the organization",
    "organization.rename": "renamed the organization to “{name}”",
    "organization.archive": "archived the organization",
    "organization.unarchive": "brought the organization back",
    "enrollment.add": "added {user} as {role}",
    "enrollment.change": "made {user} {role}",
    "enrollment.remove": "took {user} out of the organization",
    "invitation.invite": "invited {email}",
    "invitation.revoke": "took back the invitation to {email}",
    "invitation.accept": "accepted the invitation to {email}",
    "application.create": "created {application}",
    "application.update": "changed {application}",
    "application.archive": "archived {application}",
    "application.unarchive": "brought {application} back",
    "application.rotate": "added a key pair to {application}",
    "application.revoke": "revoked a key pair of {application}",
    "application.show_secrets": "looked at the secrets of {application}",
    "application.lend": "lent {application} to {organization}",
    "application.take_back": "took {application} back from {organization}",
    "application.give_back": "gave {application} back to its owner",
    "application.own": "made the organization an owner of {application}",
    "application.disown": "made the organization a borrower of {application}",
    "webhook.create": "added a webhook endpoint to {application}",
    "webhook.update": "changed a webhook endpoint of {application}",
    "webhook.remove": "removed a webhook endpoint from {application}",
    "webhook.resend": "sent a webhook of {application} again",
    "webhook.resend_failed": "sent the failed webhooks of {application} again",
    "event.send": "sent the event {event} to {channels} of {application}",
}
"""What somebody did, behind their name."""

KINDS: Final[Mapping[str, str]] = {
    "organization": "the organization itself",
    "enrollment": "members",
    "invitation": "invitations",
    "application": "applications",
    "webhook": "webhooks",
    "event": "events sent by hand",
}
"""The kinds of actions there are in an organization, for a choice of them."""

Said = Mapping[str, Any]


def role(*, is_admin: bool, can_publish: bool) -> str:
    """Give what a member is, with an article."""
    if is_admin:
        return "an admin"
    return "a member who may publish" if can_publish else "a member who may only read"


def told(entry: AuditEntry) -> str:
    """Give what an entry says of the one who did it, such as "renamed the organization to “Acme”"."""
    known = ACTIONS.get(entry.action)
    if known is None:
        return f"{entry.action.replace('.', ': ').replace('_', ' ')} ({entry.subject})"
    own = entry.action == "enrollment.remove" and entry.user is not None and entry.subject == f"user:{entry.user.id}"
    text = "left the organization" if own else known.format_map(_facts(entry))
    changed = entry.details.get("changed")
    return f"{text}: {', '.join(map(str, changed))}" if isinstance(changed, list | tuple) and changed else text


def _facts(entry: AuditEntry) -> dict[str, str]:
    details, channels = entry.details, entry.details.get("channels")
    return {
        "user": _name(entry, "user", entry.subject),
        "application": _name(entry, "application", f"application:{entry.application_id}"),
        "organization": _name(entry, "organization", f"organization:{details.get('organization')}"),
        "email": str(details.get("email", "somebody")),
        "name": str(details.get("name", "another name")),
        "event": str(details.get("event", "")),
        "channels": ", ".join(map(str, channels)) if isinstance(channels, list) else "channels",
        "role": role(is_admin=bool(details["is_admin"]), can_publish=bool(details.get("can_publish")))
        if "is_admin" in details
        else "a member",
    }


def _name(entry: AuditEntry, kind: str, reference: str) -> str:
    """Give the name of what an entry speaks of; of what is gone, what it was."""
    if reference in entry.names:
        return entry.names[reference]
    _, _, number = reference.partition(":")
    return f"{kind} {number}" if number.isdigit() else f"some {kind}"
