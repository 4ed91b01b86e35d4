import pytest

from hubbub.errors import TOO_MANY, Refusal
from hubbub.web import throttle as throttling
from hubbub.web.throttle import LIMITS, LONGEST, Throttle, letter_to

HERE, THERE = "192.0.2.1", "192.0.2.2"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def throttle(clock: Clock) -> Throttle:
    return Throttle(clock=clock)


def wait(throttle: Throttle, what: str, address: str | None, account: str = "") -> int:
    """Try, and give the seconds to wait, 0 for a try that counted."""
    try:
        throttle.take(what, address, account)
    except Refusal as refusal:
        refused = refusal
    else:
        return 0
    seconds = refused.facts["seconds"]
    assert refused.reason is TOO_MANY
    assert isinstance(seconds, int)
    return seconds


def test_an_account_is_tried_so_often_from_wherever(throttle: Throttle, clock: Clock) -> None:
    limit = LIMITS["letter"].account
    for number in range(limit.tries):
        assert wait(throttle, "letter", f"192.0.2.{number}", "ann@example.com") == 0
    assert wait(throttle, "letter", "192.0.2.99", " ANN@example.com ") == limit.seconds
    assert wait(throttle, "letter", "192.0.2.99", "bob@example.com") == 0
    assert wait(throttle, "sign_in", "192.0.2.99", "ann@example.com") == 0
    clock.now += limit.seconds - 1
    assert wait(throttle, "letter", HERE, "ann@example.com") == 1
    clock.now += 1
    assert wait(throttle, "letter", HERE, "ann@example.com") == 0
    assert wait(throttle, "letter", HERE, "ann@example.com") == limit.seconds


def test_letters_of_one_kind_do_not_keep_others_from_an_address(throttle: Throttle) -> None:
    email = "ann@example.com"
    for _ in range(LIMITS["letter"].account.tries):
        assert wait(throttle, "letter", HERE, letter_to(email, "unlock")) == 0
    assert wait(throttle, "letter", HERE, letter_to(f"  {email.upper()}", "unlock")) > 0
    assert wait(throttle, "letter", HERE, letter_to(email, "reset")) == 0


def test_space_around_an_account_makes_no_other_one_of_it(throttle: Throttle) -> None:
    for number in range(LIMITS["sign_in"].account.tries):
        assert wait(throttle, "sign_in", f"192.0.2.{number}", f"{' ' * LONGEST}ann@example.com") == 0
    assert wait(throttle, "sign_in", HERE, "ann@example.com") > 0


def test_an_address_tries_so_often_whatever_the_account(throttle: Throttle) -> None:
    limit = LIMITS["sign_in"].address
    for number in range(limit.tries):
        assert wait(throttle, "sign_in", HERE, f"{number}@example.com") == 0
    assert wait(throttle, "sign_in", HERE, "another@example.com") == limit.seconds
    assert wait(throttle, "sign_in", THERE, "another@example.com") == 0


def test_what_is_refused_does_not_count(throttle: Throttle, clock: Clock) -> None:
    limit = LIMITS["letter"].account
    for _ in range(limit.tries + 50):
        wait(throttle, "letter", HERE, "ann@example.com")
    clock.now += limit.seconds
    assert wait(throttle, "letter", THERE, "ann@example.com") == 0


def test_what_goes_well_does_not_count(throttle: Throttle) -> None:
    for _ in range(500):
        assert wait(throttle, "sign_in", HERE, "ann@example.com") == 0
        throttle.give_back("sign_in", HERE, "ann@example.com")
    assert sum(wait(throttle, "sign_in", HERE, "ann@example.com") == 0 for _ in range(100)) == 20
    throttle.give_back("sign_in", "203.0.113.1", "never tried")


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        (None, None, True),
        ("a proxy's words", "other words", False),
    ],
)
def test_of_ipv6_the_network_counts(throttle: Throttle, one: str | None, other: str | None, is_same: bool) -> None:
    for _ in range(LIMITS["sign_up"].address.tries):
        assert wait(throttle, "sign_up", one) == 0
    assert (wait(throttle, "sign_up", other) > 0) is is_same


def test_the_wait_is_told_in_words(throttle: Throttle, clock: Clock) -> None:
    for _ in range(3):
        throttle.take("letter", HERE, "ann@example.com")
    for passed, words in ((0, "5 minutes"), (60, "4 minutes"), (181, "59 seconds"), (58, "1 second")):
        clock.now += passed
        with pytest.raises(Refusal, match=f"again in {words}$"):
            throttle.take("letter", HERE, "ann@example.com")


def test_it_may_be_off(clock: Clock) -> None:
    off = Throttle(is_on=False, clock=clock)
    assert all(wait(off, "letter", HERE, "ann@example.com") == 0 for _ in range(100))


def test_it_remembers_no_more_than_it_may(throttle: Throttle, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttling, "MOST_BUCKETS", 100)
    for _ in range(20):
        throttle.take("sign_in", HERE, "kept@example.com")
    for number in range(1000):
        throttle.take("text", f"198.51.{number // 200}.{number % 200}", f"{number}@example.com")
        assert len(throttle._full_at) <= 101
    assert wait(throttle, "sign_in", HERE, "kept@example.com") > 0  # the one that waits longest is kept
    clock.now += 10_000
    throttle.take("text", HERE)


def test_a_try_that_raises_counts_and_another_does_not(throttle: Throttle) -> None:
    for _ in range(100):
        with throttle.trying("password", HERE, "ada"):
            pass
    for _ in range(LIMITS["password"].account.tries):
        with pytest.raises(ValueError, match="wrong"), throttle.trying("password", HERE, "ada"):
            raise ValueError("wrong")
    with pytest.raises(Refusal), throttle.trying("password", HERE, "ada"):
        pytest.fail("it is tried all the same")
