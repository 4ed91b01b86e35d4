from uuid import UUID

import pytest

from .conftest import Run, answer, people, program, says, table

JANE = ("--user", "jane@example.com")


def test_a_token_is_made_by_the_program_and_invalidated(migrated: Run) -> None:
    people(migrated)
    made = program("token", "create", *JANE)
    token = made.stdout.rstrip("\n")
    assert str(UUID(token)) == token  # and nothing else, so that a script can take it as it is
    assert made.stderr == "The token is shown this once.\n"
    head, line = table(says(migrated, "token", "list", *JANE))
    assert (head, line[:2], line[3]) == (["ID", "PREFIX", "CREATED", "INVALIDATED"], ["1", token[:8]], "-")
    assert (
        says(migrated, "token", "invalidate", *JANE, token[:8])
        == f"The token that begins with {token[:8]} is invalid.\n"
    )
    assert table(says(migrated, "token", "list", *JANE))[1][3] != "-"


@pytest.fixture
def peopled(anywhere: Run) -> Run:
    people(anywhere)
    return anywhere


def valid(run: Run, email: str = "jane@example.com") -> list[str]:
    """Give how the user's valid tokens begin."""
    tokens = answer(run, "token", "list", "--user", email)
    return [token["prefix"] for token in tokens if token["invalidated_at"] is None]


def test_lists_never_hold_the_token_itself(peopled: Run) -> None:
    assert "run `hubbub token create`" in peopled("token", "list", *JANE).stdout
    made = answer(peopled, "token", "create", *JANE)
    assert made.keys() == {"token", "id", "prefix", "created_at", "invalidated_at"}
    assert valid(peopled) == [made["prefix"]]
    assert made["token"] not in peopled("token", "list", *JANE).stdout + str(answer(peopled, "token", "list", *JANE))


@pytest.mark.parametrize("by", ["id", "prefix", "token", "token alone"])
def test_a_token_is_invalidated_by_any_of_its_names(peopled: Run, by: str) -> None:
    kept, made = (answer(peopled, "token", "create", *JANE) for _ in range(2))
    name = str(made[by.removesuffix(" alone")])
    whose = () if by == "token alone" else JANE
    told = f"The token that begins with {made['prefix']} is invalid.\n"
    for _ in range(2):  # one that is invalid already stays as it is
        assert peopled("token", "invalidate", *whose, name).stdout == told
    assert valid(peopled) == [kept["prefix"]]


def test_a_part_of_a_token_needs_its_user(peopled: Run) -> None:
    made = answer(peopled, "token", "create", *JANE)
    for part in (made["prefix"], str(made["id"]), made["token"].upper(), "", "\udc80"):
        refused = peopled("token", "invalidate", part, status=1).stderr
        assert refused == "There is no such token; a part of one needs --user.\n"
    assert valid(peopled) == [made["prefix"]]


def test_anothers_token_is_not_found_among_ones_own(peopled: Run) -> None:
    made = answer(peopled, "token", "create", *JANE)
    for name in (made["token"], made["prefix"], str(made["id"])):
        refused = peopled("token", "invalidate", "--user", "joe@example.com", name, status=1).stderr
        assert refused == "There is no such token of a user 'joe@example.com'.\n"
    assert valid(peopled) == [made["prefix"]]


@pytest.mark.parametrize("email", ["nobody@example.com", "joe@example.com"])
@pytest.mark.parametrize("verb", ["create", "list"])
def test_who_is_not_there_or_archived_has_no_tokens(peopled: Run, verb: str, email: str) -> None:
    peopled("user", "archive", "joe@example.com")
    refused = peopled("token", verb, "--user", email, status=1).stderr
    assert refused == f"There is no user {email!r}, or they are archived.\n"


def test_a_token_belongs_to_somebody(peopled: Run) -> None:
    for verb in ("create", "list"):
        assert "Missing option '--user'" in peopled("token", verb, status=2).stderr
