"""Accounts of people who sign up by themselves, and what is mailed to them."""

from typing import Any

import pytest
from argon2 import PasswordHasher

from hubbub.accounts import passwords
from hubbub.accounts.accounts import Accounts
from hubbub.accounts.domain import Identity
from hubbub.accounts.people import Errand, Letter, SignedIn
from hubbub.accounts.policy import Policy
from hubbub.store import Store

PASSWORD, ADDRESS = "correct horse", "192.0.2.7"
EMAIL = "ann@example.com"


class Town:
    """`accounts` over a store, with passwords that are hashed quickly; `letters` are those that were posted."""

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        self.store = store
        self.letters: list[Letter] = []
        self.accounts = self.under(Policy())

    def under(self, policy: Policy) -> Accounts:
        """Give the same accounts under another policy."""
        return Accounts(self.store, post=self.post, policy=policy)

    async def post(self, letter: Letter) -> None:
        self.letters.append(letter)

    def text(self, errand: Errand) -> str:
        """Give the text of the newest letter, which must be for this errand."""
        assert self.letters[-1].errand == errand
        return self.letters[-1].text

    async def sign_up(self, email: str = EMAIL, **more: Any) -> Identity:
        """Sign somebody up, and in."""
        await self.accounts.sign_ups.sign_up(name="Ann", email=email, password=PASSWORD, **more)
        return (await self.sign_in(email=email)).identity

    async def sign_in(self, *, email: object = EMAIL, password: object = PASSWORD) -> SignedIn:
        came_in = await self.accounts.sign_ins.sign_in(email=email, password=password, address=ADDRESS)
        assert isinstance(came_in, SignedIn)
        return came_in
