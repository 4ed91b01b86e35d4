"""The audit by the command line."""

from cli.conftest import Run, answer, people, table


def test_who_did_what_is_listed_the_newest_first(migrated: Run) -> None:
    assert "There is no such entry." in migrated("audit").stdout
    people(migrated)
    head, newest, *_ = table(migrated("audit").stdout)
    assert head == ["TIME", "USER", "ADDRESS", "ACTION", "SUBJECT", "DETAILS"]
    assert newest[1:4] == ["-", "-", "organization.create"]


def test_it_is_narrowed_and_exported(migrated: Run) -> None:
    people(migrated)
    migrated("app", "create", "Chat", "--org", "acme-inc")
    everything = answer(migrated, "audit", "--limit", "0")
    assert [one["id"] for one in everything] == list(range(len(everything), 0, -1))
    assert everything[0]["action"] == "application.create"
    assert everything[0].keys() >= {"user", "address", "subject", "details", "created_at", "request_id"}
    assert [one["action"] for one in answer(migrated, "audit", "--limit", "2")] == [
        one["action"] for one in everything[:2]
    ]
    acme = answer(migrated, "audit", "--organization", "acme-inc")
    assert {one["organization_id"] for one in acme} == {1}
    assert {one["action"] for one in answer(migrated, "audit", "--action", "user")} == {"user.create"}
    assert answer(migrated, "audit", "--application", "1")[0]["application_id"] == 1
    assert answer(migrated, "audit", "--user", "jane@example.com") == []
    at = everything[2]["created_at"]
    since = answer(migrated, "audit", "--since", at)
    until = answer(migrated, "audit", "--until", at)
    assert [one["id"] for one in since + until] == [one["id"] for one in everything]
    assert since[-1]["id"] == everything[2]["id"]
    assert answer(migrated, "audit", "--since", "2100-01-01") == []


def test_what_cannot_be_meant_is_refused(migrated: Run) -> None:
    assert "There is no organization 'nowhere'" in migrated("audit", "--organization", "nowhere", status=1).stderr
    assert "since must be a time" in migrated("audit", "--since", "yesterday", status=1).stderr
