import pytest

from .conftest import Run, answer, fields, people, says, table


def slugs(run: Run, *arguments: str) -> list[str]:
    return [organization["slug"] for organization in answer(run, "org", "list", *arguments)]


def members(run: Run, slug: str) -> dict[str, tuple[bool, bool]]:
    """Give each member's flags: admin, may publish."""
    found = answer(run, "org", "show", slug)["enrollments"]
    return {one["user"]: (one["is_admin"], one["can_publish"]) for one in found}


def test_an_organization_is_made_and_peopled(migrated: Run) -> None:
    for name in ("jane", "joe"):
        migrated("user", "create", "--email", f"{name}@example.com", "--name", name.title())
    made = fields(says(migrated, "org", "create", "Acme Inc.", "--owner", "jane@example.com"))
    assert made == {"Organization": "AcmeInc.", "Slug": "acme-inc", "Id": "1"}
    assert table(says(migrated, "org", "list"))[1] == ["1", "acme-inc", "Acme Inc."]

    enroll = ("org", "enroll", "acme-inc", "--user", "joe@example.com")
    assert says(migrated, *enroll, "--no-publish") == "joe@example.com is enrolled in acme-inc without publishing.\n"
    assert says(migrated, *enroll, "--admin") == "joe@example.com is enrolled in acme-inc as an admin.\n"
    assert table(says(migrated, "org", "show", "acme-inc"))[-3:] == [
        ["E-MAIL", "NAME", "ADMIN", "PUBLISHES"],
        ["jane@example.com", "Jane", "yes", "yes"],
        ["joe@example.com", "Joe", "yes", "yes"],
    ]
    left = "joe@example.com is no longer enrolled in acme-inc.\n"
    assert says(migrated, "org", "leave", "acme-inc", "--user", "joe@example.com") == left

    assert says(migrated, "org", "archive", "acme-inc") == "acme-inc is archived.\n"
    assert table(says(migrated, "org", "list", "--archived"))[1] == ["1", "acme-inc", "Acme Inc."]
    assert says(migrated, "org", "unarchive", "acme-inc") == "acme-inc is back.\n"
    assert table(says(migrated, "org", "list"))[1] == ["1", "acme-inc", "Acme Inc."]


def test_its_owner_is_its_admin(anywhere: Run) -> None:
    people(anywhere)
    made = answer(anywhere, "org", "create", "Acme Inc.", "--owner", "joe@example.com")
    assert made["slug"] == "acme-inc-2"
    assert members(anywhere, "acme-inc-2") == {"joe@example.com": (True, True)}


@pytest.mark.parametrize("owner", ["nobody@example.com", "root@example.com"])
def test_without_an_owner_there_is_no_organization(migrated: Run, owner: str) -> None:
    people(migrated)
    migrated("user", "create", "--email", "second@example.com", "--name", "Second", "--root")
    migrated("user", "archive", "root@example.com")
    refused = migrated("org", "create", "Initech", "--owner", owner, status=1)
    assert (refused.stdout, refused.stderr) == ("", "owner does not exist\n")
    assert slugs(migrated) == ["acme-inc", "globex"]
    assert "Missing option '--owner'" in migrated("org", "create", "Initech", status=2).stderr


def test_a_name_without_a_use_is_refused(migrated: Run) -> None:
    people(migrated)
    refused = migrated("org", "create", " ", "--owner", "jane@example.com", status=1)
    assert refused.stderr == "name can't be blank\n"


def test_the_list_holds_those_that_are_not_archived(migrated: Run) -> None:
    assert "run `hubbub org create NAME --owner EMAIL`" in migrated("org", "list").stdout
    assert migrated("org", "list", "--archived").stdout == "No organization is archived.\n"
    people(migrated)
    migrated("org", "archive", "globex")
    assert (slugs(migrated), slugs(migrated, "--archived")) == (["acme-inc"], ["globex"])
    assert fields(migrated("org", "show", "globex").stdout).keys() == {"Organization", "Slug", "Id", "Archived"}


def test_enrolling_who_is_enrolled_sets_both_flags(anywhere: Run) -> None:
    people(anywhere)
    enroll = ("org", "enroll", "globex", "--user", "jane@example.com")
    for flags, expected in (
        ((), (False, True)),
        (("--admin", "--no-publish"), (True, False)),
        (("--admin",), (True, True)),
        (("--no-publish",), (False, False)),
        (("--no-publish",), (False, False)),
    ):
        told = answer(anywhere, *enroll, *flags)
        assert told == {
            "organization": "globex", "user": "jane@example.com", "is_admin": expected[0], "can_publish": expected[1]
        }  # fmt: skip
        assert members(anywhere, "globex")["jane@example.com"] == expected


def test_the_last_admin_stays_one(migrated: Run) -> None:
    people(migrated)
    joe = ("globex", "--user", "joe@example.com")
    assert migrated("org", "enroll", *joe, status=1).stderr == "is_admin is the organization's last admin\n"
    assert migrated("org", "leave", *joe, status=1).stderr == "user is the organization's last admin\n"
    assert members(migrated, "globex") == {"joe@example.com": (True, True)}


def test_who_or_what_is_not_there_is_said_not_to_be(migrated: Run) -> None:
    people(migrated)
    migrated("org", "archive", "globex")
    jane, nobody = ("--user", "jane@example.com"), ("--user", "nobody@example.com")
    for slug in ("nowhere", "globex", "\udc80", ""):
        message = f"There is no organization {slug!r}, or it is archived.\n"
        assert migrated("org", "enroll", slug, *jane, status=1).stderr == message
    assert migrated("org", "enroll", "acme-inc", *nobody, status=1).stderr == "user does not exist\n"
    for slug, who in (("nowhere", jane), ("acme-inc", nobody), ("globex", jane)):
        message = f"There is no organization {slug!r} in which {who[1]!r} is enrolled, or it is archived.\n"
        assert migrated("org", "leave", slug, *who, status=1).stderr == message
    for verb in ("show", "archive", "unarchive"):
        assert migrated("org", verb, "nowhere", status=1).stderr == "There is no organization 'nowhere'.\n"
