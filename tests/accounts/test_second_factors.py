import asyncio
import time

import pytest
from pyotp import TOTP

from databases import Execute
from hubbub.accounts import codes
from hubbub.accounts.domain import OPERATOR, Identity
from hubbub.accounts.people import Entered, Halfway, Letter, Profile
from hubbub.accounts.policy import Policy
from hubbub.errors import FORBIDDEN, INVALID, UNAUTHENTICATED, UNKNOWN, Refusal
from hubbub.store import Store

from .conftest import answer_to
from .newcomers import ADDRESS, EMAIL, PASSWORD, Town

AGENT = "Firefox"


class Clock:
    """The present step; tests that turn it need not wait for the next."""

    def __init__(self) -> None:
        self.now = float(int(time.time()) // 30 * 30)

    def time(self) -> float:
        return self.now

    def turn(self, steps: int = 1) -> None:
        self.now += steps * 30


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(codes, "time", clock)
    return clock


class Ann:
    """Somebody with an authenticator, and a browser in which they are signed in."""

    def __init__(self, town: Town, clock: Clock, who: Identity, session_id: int) -> None:
        self.town = town
        self.who = who
        self.session_id = session_id
        self.recovery: tuple[str, ...] = ()
        self._clock = clock
        self._secret = ""

    def code(self, steps: int = 0) -> str:
        return TOTP(self._secret).at(int(self._clock.now) + steps * 30)

    async def begin(self) -> str:
        setup = await self.town.accounts.second_factors.begin(self.who, password=PASSWORD)
        self._secret = setup.secret
        return setup.uri

    async def switch_on(self) -> None:
        await self.begin()
        confirm = self.town.accounts.second_factors.confirm
        self.recovery = await confirm(self.who, code=self.code(), session_id=self.session_id)
        self._clock.turn()

    async def halfway(self, *, remember: bool = False) -> Entered:
        """Give the right password."""
        came_in = await self.town.accounts.sign_ins.sign_in(email=EMAIL, password=PASSWORD, address=ADDRESS)
        assert isinstance(came_in, Halfway)
        return await self.town.accounts.browsers.enter(came_in, remember=remember, address=ADDRESS, agent=AGENT)

    async def prove(self, entered: Entered, code: object) -> Entered:
        return await self.town.accounts.browsers.prove(entered.text, code=code, address=ADDRESS, agent=AGENT)

    async def profile(self) -> Profile:
        return await self.town.accounts.profiles.get(OPERATOR, EMAIL)

    @property
    def letters(self) -> list[Letter]:
        return self.town.letters


@pytest.fixture
async def ann(store: Store, monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Ann:
    town = Town(store, monkeypatch)
    await town.sign_up()
    entered = await town.accounts.browsers.enter(await town.sign_in(), address=ADDRESS, agent=AGENT)
    found = await town.accounts.browsers.resume(entered.text, address=ADDRESS)
    return Ann(town, clock, found.identity, found.session_id)


async def test_it_is_on_once_a_code_has_confirmed_it(ann: Ann, store: Store) -> None:
    factors = ann.town.accounts.second_factors
    uri = await ann.begin()
    assert uri.startswith("otpauth://totp/Hubbub:ann%40example.com?secret=")
    begun = await factors.get(ann.who)
    assert begun.setup is not None
    assert (begun.since, begun.codes_left, begun.setup.uri) == (None, 0, uri)
    await ann.town.sign_in()
    for code in ("000000", "", None, ann.code()[:5], 123456, "x" * 1000, ann.code(5)):
        with pytest.raises(Refusal) as caught:
            await factors.confirm(ann.who, code=code, session_id=ann.session_id)
        assert list(caught.value.facts["errors"]) == ["code"]  # type: ignore[call-overload]
    given = await factors.confirm(ann.who, code=f" {ann.code()[:3]} {ann.code()[3:]} ", session_id=ann.session_id)
    on = await factors.get(ann.who)
    assert (on.since is not None, on.codes_left, on.setup) == (True, 10, None)
    assert len(set(given)) == 10
    entry = (await ann.town.accounts.audit.list(OPERATOR, None)).items[0]
    assert (entry.action, entry.user, entry.address) == ("second_factor.on", ann.who.user, ADDRESS)
    for again in (
        factors.confirm(ann.who, code=ann.code(), session_id=ann.session_id),
        factors.begin(ann.who, password=PASSWORD),
    ):
        assert await answer_to(again) is INVALID


async def test_no_secret_is_shown_and_no_recovery_code_is_kept(ann: Ann, store: Store, execute: Execute) -> None:
    setup = await ann.town.accounts.second_factors.begin(ann.who, password=PASSWORD)
    assert setup.secret not in repr(setup)
    assert setup.secret not in repr(await ann.town.accounts.second_factors.get(ann.who))
    await ann.switch_on()
    async with store.reading() as work:
        found = await work.people.find(ann.who.user.id)
    assert found is not None
    assert found.second_factor_secret is not None
    assert found.second_factor_secret not in repr(found)
    kept = str(await execute("SELECT * FROM recovery_codes"))
    assert not any(code in kept or code.replace("-", "") in kept for code in ann.recovery)


async def test_switching_it_on_signs_out_all_other_browsers(ann: Ann) -> None:
    browsers = ann.town.accounts.browsers
    others = [
        await browsers.enter(await ann.town.sign_in(), remember=remember, address=ADDRESS, agent=AGENT)
        for remember in (False, True)
    ]
    await ann.switch_on()
    for other in others:
        assert await answer_to(browsers.resume(other.text, address=None)) is UNAUTHENTICATED
    assert [one.id for one in await browsers.list(ann.who)] == [ann.session_id]


async def test_the_right_password_alone_is_half_the_way(ann: Ann) -> None:
    await ann.switch_on()
    before = await ann.profile()
    entered = await ann.halfway()
    assert entered.is_halfway
    assert await answer_to(ann.town.accounts.browsers.resume(entered.text, address=None)) is UNAUTHENTICATED
    await ann.town.accounts.browsers.look_halfway(entered.text)
    assert (await ann.profile()).sign_in_count == before.sign_in_count
    assert [one.id for one in await ann.town.accounts.browsers.list(ann.who)] == [ann.session_id]
    in_full = await ann.prove(entered, ann.code())
    assert (in_full.is_halfway, in_full.text != entered.text) == (False, True)
    await ann.town.accounts.browsers.resume(in_full.text, address=None)
    assert (await ann.profile()).sign_in_count == before.sign_in_count + 1
    assert await answer_to(ann.prove(entered, ann.code(1))) is UNAUTHENTICATED
    assert await answer_to(ann.town.accounts.browsers.look_halfway(in_full.text)) is UNAUTHENTICATED


async def test_a_wrong_password_is_told_of_as_ever(ann: Ann) -> None:
    await ann.switch_on()
    assert await answer_to(ann.town.sign_in(password="wrong horse")) is UNAUTHENTICATED


async def test_who_wished_to_stay_signed_in_does_after_the_code(ann: Ann) -> None:
    await ann.switch_on()
    in_full = await ann.prove(await ann.halfway(remember=True), ann.code())
    assert in_full.cookie is not None
    signed_in, _ = await ann.town.accounts.remembered.use(in_full.cookie.text, address=None)
    assert signed_in.user == ann.who.user


async def test_a_code_is_good_once_and_for_a_short_while(ann: Ann, clock: Clock) -> None:
    await ann.switch_on()
    code = ann.code()
    await ann.prove(await ann.halfway(), code)
    for wrong in (code, ann.code(-1), ann.code(2), "12345", "abcdef", None, 3):
        assert await answer_to(ann.prove(await ann.halfway(), wrong)) is UNAUTHENTICATED
    clock.turn()
    await ann.prove(await ann.halfway(), ann.code(1))  # of a clock that is early
    clock.turn(3)
    await ann.prove(await ann.halfway(), ann.code(-1))  # of one that is late


async def test_the_code_that_switched_it_on_is_used_up(ann: Ann, clock: Clock) -> None:
    await ann.switch_on()
    clock.turn(-1)
    assert await answer_to(ann.prove(await ann.halfway(), ann.code())) is UNAUTHENTICATED


async def test_one_code_at_once_is_good_for_one(ann: Ann) -> None:
    await ann.switch_on()
    halves = [await ann.halfway() for _ in range(3)]
    answers = await asyncio.gather(*(answer_to(ann.prove(half, ann.code())) for half in halves))
    assert (answers.count(None), answers.count(UNAUTHENTICATED)) == (1, 2)


async def test_a_recovery_code_is_good_once_however_it_is_typed(ann: Ann) -> None:
    await ann.switch_on()
    first, second, *_ = ann.recovery
    await ann.prove(await ann.halfway(), f" {first.upper().replace('-', ' ')} ")
    assert await answer_to(ann.prove(await ann.halfway(), first)) is UNAUTHENTICATED
    await ann.prove(await ann.halfway(), second)
    assert (await ann.town.accounts.second_factors.get(ann.who)).codes_left == 8
    actions = [one.action for one in (await ann.town.accounts.audit.list(OPERATOR, None)).items]
    assert actions.count("second_factor.recover") == 2


async def test_recovery_codes_are_made_anew_by_the_password(ann: Ann) -> None:
    factors = ann.town.accounts.second_factors
    assert await answer_to(factors.renew_codes(ann.who, password=PASSWORD)) is INVALID
    await ann.switch_on()
    assert await answer_to(factors.renew_codes(ann.who, password="wrong horse")) is INVALID
    anew = await factors.renew_codes(ann.who, password=PASSWORD)
    assert await answer_to(ann.prove(await ann.halfway(), ann.recovery[0])) is UNAUTHENTICATED
    await ann.prove(await ann.halfway(), anew[0])


async def test_wrong_codes_lock_as_wrong_passwords_do(ann: Ann) -> None:
    await ann.switch_on()
    ann.letters.clear()
    for _ in range(10):
        # The right password in between does not begin anew.
        assert await answer_to(ann.prove(await ann.halfway(), "000000")) is UNAUTHENTICATED
    assert [letter.errand for letter in ann.letters] == ["unlock"]
    assert (await ann.profile()).locked_at is not None
    assert await answer_to(ann.town.sign_in()) is UNAUTHENTICATED
    await ann.town.accounts.sign_ins.unlock(ann.letters[0].text)
    await ann.prove(await ann.halfway(), ann.code())
    assert (await ann.profile()).failed_attempts == 0


async def test_who_is_locked_meanwhile_comes_no_further(ann: Ann) -> None:
    await ann.switch_on()
    half = await ann.halfway()
    for _ in range(10):
        await answer_to(ann.town.sign_in(password="wrong horse"))
    with pytest.raises(Refusal) as locked:
        await ann.prove(half, ann.code())
    await ann.town.accounts.sign_ins.unlock(ann.letters[-1].text)
    with pytest.raises(Refusal) as wrong:
        await ann.prove(half, "000000")
    assert locked.value.message == wrong.value.message


@pytest.mark.parametrize("change", ["time", "password", "archive", "off", "confirmation"])
async def test_half_the_way_does_not_last(ann: Ann, execute: Execute, change: str) -> None:
    await ann.switch_on()
    half, accounts = await ann.halfway(), ann.town.accounts
    match change:
        case "time":
            await execute("UPDATE browser_sessions SET created_at = '2001-01-01 00:00:00' WHERE is_halfway")
        case "password":
            await accounts.passwords.change(ann.who, old=PASSWORD, new="another horse")
        case "archive":
            await accounts.users.archive(OPERATOR, EMAIL)
        case "off":
            await accounts.second_factors.switch_off_for(OPERATOR, EMAIL)
        case "confirmation":
            accounts = ann.town.under(Policy(require_confirmation=True))
    for question in (
        accounts.browsers.look_halfway(half.text),
        accounts.browsers.prove(half.text, code=ann.code(), address=None, agent=None),
    ):
        assert await answer_to(question) is UNAUTHENTICATED


async def test_ones_own_is_switched_off_by_the_password(ann: Ann) -> None:
    await ann.switch_on()
    factors = ann.town.accounts.second_factors
    with pytest.raises(Refusal) as caught:
        await factors.switch_off(ann.who, password="wrong horse")
    assert caught.value.facts["errors"] == {"password": ["is not yours"]}
    assert (await ann.profile()).failed_attempts == 1
    await factors.switch_off(ann.who, password=PASSWORD)
    off = await factors.get(ann.who)
    assert (off.since, off.codes_left, off.setup) == (None, 0, None)
    await ann.town.sign_in()
    assert (await ann.profile()).failed_attempts == 0


async def test_root_helps_who_lost_it_and_nobody_else_may(ann: Ann) -> None:
    await ann.switch_on()
    off = ann.town.accounts.second_factors.switch_off_for
    assert await answer_to(off(ann.who, EMAIL)) is FORBIDDEN
    for nobody in ("nobody@example.com", "99", ""):
        assert await answer_to(off(OPERATOR, nobody)) is UNKNOWN
    for _ in range(2):
        await off(OPERATOR, EMAIL)
    await ann.town.sign_in()
    actions = [one.action for one in (await ann.town.accounts.audit.list(OPERATOR, None)).items]
    assert actions.count("second_factor.off") == 1
    assert await answer_to(ann.town.accounts.second_factors.begin(OPERATOR, password="")) is UNKNOWN
