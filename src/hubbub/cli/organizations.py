"""The commands about organizations, and who is enrolled in them."""

# ruff: noqa: PLC0415 - what a command needs is imported when it runs

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from hubbub.cli.asking import ask, everything
from hubbub.cli.printing import OPTIONS, Archived, Json, moment, print_fields, print_json, print_table, yes

if TYPE_CHECKING:
    from hubbub.accounts.accounts import Accounts
    from hubbub.accounts.domain import Enrollment, Organization

commands = typer.Typer(help="Create organizations, and enroll users in them.", **OPTIONS)

Slug = Annotated[str, typer.Argument(metavar="SLUG", help="The organization's slug or id.", show_default=False)]
Member = Annotated[str, typer.Option("--user", metavar="EMAIL", help="The user's e-mail address or id.")]


@commands.command("create")
def create_organization(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="What people call it; its slug is made from this.", show_default=False)
    ],
    owner: Annotated[str, typer.Option(metavar="EMAIL", help="The user who becomes its admin.")],
    as_json: Json = False,
) -> None:
    """Create an organization, with a user as its admin."""
    import msgspec

    from hubbub.accounts.domain import OPERATOR

    made = ask(lambda accounts: accounts.organizations.create(OPERATOR, name=name, owner=owner))
    if as_json:
        print_json(msgspec.to_builtins(made))
    else:
        print_fields(_names(made))


@commands.command("list")
def list_organizations(archived: Archived = False, as_json: Json = False) -> None:
    """List the organizations."""
    import msgspec

    from hubbub.accounts.domain import OPERATOR

    found = ask(
        lambda accounts: everything(partial(accounts.organizations.list, OPERATOR, everyones=True, archived=archived))
    )
    if as_json:
        print_json(msgspec.to_builtins(found))
    elif found:
        print_table(("ID", "SLUG", "NAME"), [(str(one.id), one.slug, one.name) for one in found])
    elif archived:
        typer.echo("No organization is archived.")
    else:
        typer.echo("There is no organization yet: run `hubbub org create NAME --owner EMAIL`.")


@commands.command("show")
def show_organization(slug: Slug, as_json: Json = False) -> None:
    """Show an organization and who is enrolled in it."""
    import msgspec

    from hubbub.accounts.domain import OPERATOR

    async def look(accounts: "Accounts") -> "tuple[Organization, list[Enrollment]]":
        found = await accounts.organizations.get(OPERATOR, slug)
        if found.archived_at is not None:
            return found, []
        return found, await everything(partial(accounts.enrollments.list, OPERATOR, slug))

    found, members = ask(look, missing=f"organization {slug!r}")
    if as_json:
        print_json(msgspec.to_builtins(found) | {"enrollments": [_described(one) for one in members]})
        return
    print_fields(_names(found))
    if members:
        typer.echo("")
        lines = [(one.user.email, one.user.name, yes(one.is_admin), yes(one.can_publish)) for one in members]
        print_table(("E-MAIL", "NAME", "ADMIN", "PUBLISHES"), lines)


@commands.command("enroll")
def enroll(
    slug: Slug,
    user: Member,
    is_admin: Annotated[bool, typer.Option("--admin", help="May change the organization, and sees secrets.")] = False,
    no_publish: Annotated[bool, typer.Option("--no-publish", help="May not publish to its applications.")] = False,
    as_json: Json = False,
) -> None:
    """Enroll a user, or set both flags of one who is enrolled."""
    from hubbub.accounts.domain import OPERATOR
    from hubbub.errors import UNKNOWN, Refusal

    async def enroll_or_change(accounts: "Accounts") -> "Enrollment":
        flags = {"is_admin": is_admin, "can_publish": not no_publish}
        try:
            return await accounts.enrollments.change(OPERATOR, slug, user, **flags)
        except Refusal as refusal:
            if refusal.reason is not UNKNOWN:
                raise
        return await accounts.enrollments.add(OPERATOR, slug, user=user, **flags)

    enrolled = ask(enroll_or_change, missing=f"organization {slug!r}, or it is archived")
    if as_json:
        print_json(_described(enrolled))
    else:
        rights = ["as an admin"] * enrolled.is_admin + ["without publishing"] * (not enrolled.can_publish)
        typer.echo(" ".join([f"{enrolled.user.email} is enrolled in {enrolled.organization.slug}", *rights]) + ".")


@commands.command("leave")
def leave(slug: Slug, user: Member) -> None:
    """End a user's enrollment: their sockets in its applications are closed at once."""
    from hubbub.accounts.domain import OPERATOR

    ask(
        lambda accounts: accounts.enrollments.remove(OPERATOR, slug, user),
        missing=f"organization {slug!r} in which {user!r} is enrolled, or it is archived",
    )
    typer.echo(f"{user} is no longer enrolled in {slug}.")


@commands.command("archive")
def archive_organization(slug: Slug) -> None:
    """Archive an organization: what it owns stops working at once, open sockets included."""
    from hubbub.accounts.domain import OPERATOR

    found = ask(lambda accounts: accounts.organizations.archive(OPERATOR, slug), missing=f"organization {slug!r}")
    typer.echo(f"{found.slug} is archived.")


@commands.command("unarchive")
def unarchive_organization(slug: Slug) -> None:
    """Bring an archived organization back, and with it what it owns."""
    from hubbub.accounts.domain import OPERATOR

    found = ask(lambda accounts: accounts.organizations.unarchive(OPERATOR, slug), missing=f"organization {slug!r}")
    typer.echo(f"{found.slug} is back.")


def _names(organization: "Organization") -> dict[str, str]:
    fields = {"Organization": organization.name, "Slug": organization.slug, "Id": str(organization.id)}
    return fields | ({} if organization.archived_at is None else {"Archived": moment(organization.archived_at)})


def _described(enrollment: "Enrollment") -> dict[str, object]:
    """Give what programs get of an enrollment: the user by name, not in full."""
    return {
        "organization": enrollment.organization.slug,
        "user": enrollment.user.email,
        "is_admin": enrollment.is_admin,
        "can_publish": enrollment.can_publish,
    }
