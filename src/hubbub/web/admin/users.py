"""Users, as the administration shows them."""

from hubbub.accounts.accounts import Accounts
from hubbub.accounts.domain import Identity, Page
from hubbub.accounts.people import Profile
from hubbub.accounts.seam_people import Trait
from hubbub.web.admin.cells import Badges, Link, Moment, Text, archived
from hubbub.web.admin.resource import (
    YES_NO,
    Column,
    Creating,
    Deed,
    Editing,
    Fact,
    Filter,
    Input,
    Made,
    Related,
    Resource,
    Wanted,
)
from hubbub.web.visit import Form

TRAITS: tuple[tuple[Trait, str], ...] = (
    ("is_root", "Root"),
    ("is_confirmed", "Confirmed"),
    ("is_locked", "Locked"),
    ("must_change_password", "Must change password"),
    ("has_second_factor", "Two-factor"),
)


async def _find(accounts: Accounts, who: Identity, wanted: Wanted) -> Page[Profile]:
    traits = {trait: is_so for trait, _ in TRAITS if (is_so := wanted.flag(trait)) is not None}
    return await accounts.register.users(who, archived=wanted.flag("archived"), traits=traits, **wanted.part)


async def _get(accounts: Accounts, who: Identity, key: str) -> Profile:
    return await accounts.profiles.get(who, key)


def _key(profile: Profile) -> str:
    return str(profile.user.id)


def _badges(profile: Profile) -> tuple[tuple[str, str], ...]:
    words = {
        ("root", "accent"): profile.user.is_root,
        ("locked", "bad"): profile.locked_at is not None,
        ("unconfirmed", "warn"): profile.confirmed_at is None,
        ("must change password", "warn"): profile.must_change_password,
        ("two-factor", "good"): profile.second_factor_since is not None,
    }
    return (*archived(profile.user.archived_at), *(word for word, is_so in words.items() if is_so))


async def _create(accounts: Accounts, who: Identity, form: Form) -> Made:
    is_mailed = form["way_in"] != "password"
    made = await accounts.caretaking.create(
        who,
        name=form["name"],
        email=form["email"],
        is_root=form.has("is_root"),
        by_letter=is_mailed,
        password=form["password"],
    )
    told = f"{made.user.email} was mailed a letter to choose a password." if is_mailed else ""
    return Made(
        key=str(made.user.id),
        notice=f"{made.user.name} was created. {told}".strip(),
        secret=made.password,
        secret_label="One-time password",  # noqa: S106 - what it is called
        secret_hint="It must be changed after the first sign-in. It is shown this once.",  # noqa: S106
    )


async def _edit(accounts: Accounts, who: Identity, profile: Profile, form: Form) -> object:
    return await accounts.profiles.edit(
        who,
        _key(profile),
        name=form["name"],
        email=form["email"],
        is_root=form.has("is_root"),
        must_change_password=form.has("must_change_password"),
    )


async def _unlock(accounts: Accounts, who: Identity, profile: Profile, _form: Form) -> str:
    await accounts.caretaking.unlock(who, _key(profile))
    return f"{profile.user.name} can sign in again."


async def _confirm(accounts: Accounts, who: Identity, profile: Profile, _form: Form) -> str:
    await accounts.caretaking.confirm(who, _key(profile))
    return f"{profile.user.email} is taken as confirmed."


async def _send_reset(accounts: Accounts, who: Identity, profile: Profile, _form: Form) -> str:
    await accounts.caretaking.send_reset(who, _key(profile))
    return f"A letter to choose another password is on its way to {profile.user.email}."


async def _must_change(accounts: Accounts, who: Identity, profile: Profile, _form: Form) -> str:
    await accounts.profiles.edit(who, _key(profile), must_change_password=True)
    return f"{profile.user.name} must change the password before anything else."


async def _make_root(accounts: Accounts, who: Identity, profile: Profile, _form: Form) -> str:
    await accounts.profiles.edit(who, _key(profile), is_root=True)
    return f"{profile.user.name} is a root user now."


async def _unmake_root(accounts: Accounts, who: Identity, profile: Profile, _form: Form) -> str:
    await accounts.profiles.edit(who, _key(profile), is_root=False)
    return f"{profile.user.name} is no root user any more."


async def _switch_off(accounts: Accounts, who: Identity, profile: Profile, _form: Form) -> str:
    await accounts.second_factors.switch_off_for(who, _key(profile))
    return f"{profile.user.name} signs in with the password alone now."


async def _archive(accounts: Accounts, who: Identity, profile: Profile, _form: Form) -> str:
    await accounts.users.archive(who, _key(profile))
    return f"{profile.user.name} was archived."


async def _bring_back(accounts: Accounts, who: Identity, profile: Profile, _form: Form) -> str:
    await accounts.users.unarchive(who, _key(profile))
    return f"{profile.user.name} was brought back."


USERS = Resource(
    name="users",
    one="user",
    many="Users",
    icon="users",
    about="Everybody who can sign in.",
    searched="name or e-mail address",
    find=_find,
    get=_get,
    key=_key,
    title=lambda profile: profile.user.name,
    badges=_badges,
    columns=(
        Column("name", "Name", lambda one: Link(one.user.name, f"/admin/users/{one.user.id}"), is_sorted=True),
        Column("email", "E-mail address", lambda one: Text(one.user.email), is_sorted=True),
        Column("state", "State", lambda one: Badges(_badges(one))),
        Column("sign_in_count", "Sign-ins", lambda one: Text(one.sign_in_count), is_sorted=True),
        Column("current_sign_in_at", "Last sign-in", lambda one: Moment(one.current_sign_in_at), is_sorted=True),
        Column("created_at", "Created", lambda one: Moment(one.user.created_at), is_sorted=True),
    ),
    filters=(Filter("archived", "Archived", YES_NO), *(Filter(trait, label, YES_NO) for trait, label in TRAITS)),
    facts=(
        Fact("Id", lambda one: Text(one.user.id)),
        Fact("E-mail address", lambda one: Text(one.user.email)),
        Fact("Confirmed", lambda one: Moment(one.confirmed_at)),
        Fact("Waits for confirmation of", lambda one: Text(one.unconfirmed_email)),
        Fact("Created", lambda one: Moment(one.user.created_at)),
        Fact("Archived", lambda one: Moment(one.user.archived_at)),
        Fact("Password changed", lambda one: Moment(one.password_changed_at)),
        Fact("Two-factor since", lambda one: Moment(one.second_factor_since)),
        Fact("Wrong passwords in a row", lambda one: Text(one.failed_attempts)),
        Fact("Locked", lambda one: Moment(one.locked_at)),
        Fact("Sign-ins", lambda one: Text(one.sign_in_count)),
        Fact("Newest sign-in", lambda one: Moment(one.current_sign_in_at)),
        Fact("Newest sign-in from", lambda one: Text(one.current_sign_in_address, is_code=True)),
        Fact("Sign-in before that", lambda one: Moment(one.last_sign_in_at)),
        Fact("Before that from", lambda one: Text(one.last_sign_in_address, is_code=True)),
    ),
    creating=Creating(
        (
            Input(name="name", label="Name", is_required=True),
            Input(name="email", label="E-mail address", kind="email", is_required=True, hint="Taken as confirmed."),
            Input(
                name="way_in",
                label="First way in",
                kind="choice",
                choices=(
                    ("letter", "Mail a letter to choose a password"),
                    ("password", "A password that must be changed after the first sign-in"),
                ),
                start="letter",
            ),
            Input(
                name="password",
                label="That password",
                kind="password",
                hint="Leave it empty to have one made up. Not used with a letter.",
            ),
            Input(name="is_root", label="Root user", kind="check", hint="May do everything everywhere."),
        ),
        _create,
    ),
    editing=Editing(
        (
            Input(name="name", label="Name", is_required=True, value=lambda one: one.user.name),
            Input(
                name="email",
                label="E-mail address",
                kind="email",
                is_required=True,
                hint="Another one is taken as confirmed.",
                value=lambda one: one.user.email,
            ),
            Input(
                name="is_root", label="Root user", kind="check", value=lambda one: "true" if one.user.is_root else ""
            ),
            Input(
                name="must_change_password",
                label="Must change the password",
                kind="check",
                value=lambda one: "true" if one.must_change_password else "",
            ),
        ),
        _edit,
    ),
    deeds=(
        Deed(
            name="unlock",
            label="Unlock",
            icon="lock-open",
            run=_unlock,
            is_offered=lambda one: one.locked_at is not None or one.failed_attempts > 0,
        ),
        Deed(
            name="confirm",
            label="Take address as confirmed",
            icon="circle-check",
            run=_confirm,
            is_offered=lambda one: one.confirmed_at is None,
            question=lambda one: f"{one.user.email} is then taken for theirs, though nobody has shown it.",
        ),
        Deed(
            name="send-reset",
            label="Send a reset letter",
            icon="mail",
            run=_send_reset,
            is_offered=lambda one: one.user.archived_at is None,
            question=lambda one: f"{one.user.email} gets a letter to choose another password; earlier ones are void.",
        ),
        Deed(
            name="must-change-password",
            label="Must change password",
            icon="key-round",
            run=_must_change,
            is_offered=lambda one: not one.must_change_password and one.user.archived_at is None,
            question=lambda one: f"{one.user.name} is sent to the page of passwords, whatever they open next.",
        ),
        Deed(
            name="switch-off-two-factor",
            label="Switch off two-factor",
            icon="shield",
            run=_switch_off,
            is_offered=lambda one: one.second_factor_since is not None,
            question=lambda one: (
                f"{one.user.name} signs in with the password alone until they switch it on again. Be"
                " sure that it is they who ask for it."
            ),
            is_danger=True,
        ),
        Deed(
            name="make-root",
            label="Make root user",
            icon="shield-check",
            run=_make_root,
            is_offered=lambda one: not one.user.is_root and one.user.archived_at is None,
            question=lambda one: f"{one.user.name} may then do everything everywhere, as you do.",
            is_danger=True,
        ),
        Deed(
            name="unmake-root",
            label="No root user any more",
            icon="shield",
            run=_unmake_root,
            is_offered=lambda one: one.user.is_root,
            question=lambda one: f"{one.user.name} will see no more than their own organizations.",
            is_danger=True,
        ),
        Deed(
            name="archive",
            label="Archive",
            icon="archive",
            run=_archive,
            is_offered=lambda one: one.user.archived_at is None,
            question=lambda one: (
                f"{one.user.name} can then no longer sign in; tokens and sessions end, and live"
                " sockets of theirs are closed. The user can be brought back."
            ),
            is_danger=True,
        ),
        Deed(
            name="bring-back",
            label="Bring back",
            icon="archive-restore",
            run=_bring_back,
            is_offered=lambda one: one.user.archived_at is not None,
        ),
    ),
    related=(
        Related("enrollments", "user", "Enrolled in", ("user",), "Enroll"),
        Related("tokens", "user", "Tokens", ("user",), "New token"),
        Related("audit", "user", "What they did", ("user",)),
        Related("audit", "subject", "What was done to them", ("subject",), value=lambda one: f"user:{one.user.id}"),
    ),
)
