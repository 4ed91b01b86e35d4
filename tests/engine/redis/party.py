"""Engines of one cluster, on one Redis, in one process: begun, killed, and looked at from outside.

They beat ten times as often as they do in earnest, so that a lost one is found out within a second and a half.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import Self
from uuid import uuid4

from engine.hosts import Noting, until
from hubbub.engine.redis.engine import Redis
from hubbub.engine.redis.servers import link_to
from hubbub.engine.seam import Transition
from hubbub.messages import Envelope, Fact, Member, MemberAdded, MemberRemoved, WentOffline, WentOnline

INTERVAL = 0.25

Place = tuple[str, str]


class Guest(Noting):
    """A node's engine, and the host that it tells: it holds that nothing is told twice, late or never.

    As the node does, it makes one call at a time of a channel, and subscribes before it enters.
    """

    def __init__(self, url: str, prefix: str, timeout: float, interval: float = INTERVAL) -> None:
        super().__init__()
        self.engine = Redis(link_to(url, timeout), prefix, interval=interval)
        self.seen: dict[Place, dict[str, Member]] = {}
        self.online: dict[Place, bool] = {}
        self.faults: list[str] = []
        self.answered: list[tuple[str, Fact | str]] = []
        self._held: dict[Place, set[str]] = {}
        self._gates: dict[Place, asyncio.Lock] = {}

    @property
    def node(self) -> str:
        return self.engine._lease.node

    def receive(self, envelope: Envelope) -> None:
        super().receive(envelope)
        app_id, fact = envelope.app_id, envelope.fact
        place = (app_id, fact.channel)
        members = self.seen.get(place)
        match fact:
            case MemberAdded(_, member):
                if members is None or member.user_id in members:
                    self.faults.append(f"{member.user_id} was told to have come to {place}, not for the first time")
                else:
                    members[member.user_id] = member
            case MemberRemoved(_, member):
                if members is None or members.pop(member.user_id, None) is None:
                    self.faults.append(f"{member.user_id} was told to have gone from {place}, and was not there")
            case WentOnline() | WentOffline():
                is_online = isinstance(fact, WentOnline)
                if self.online.get(place, False) is is_online:
                    self.faults.append(f"{place} was told to be online twice, or offline")
                self.online[place] = is_online

    async def listen(self, channel: str, app: str = "1") -> None:
        """Subscribe, and see who is there."""
        await self.engine.subscribe(app, channel)
        self.seen[app, channel] = self.engine.present(app, channel)
        self.online[app, channel] = (await self.engine.occupied(app, [channel]))[0] if channel[0] == "#" else False

    async def join(self, channel: str, *users: str, app: str = "1", limit: int = 1000) -> list[Transition]:
        """Have connections of these users come, the first of each; without any, one that is no member."""
        place, transitions = (app, channel), []
        async with self._gates.setdefault(place, asyncio.Lock()):
            for user in users or ("",):
                held = self._held.setdefault(place, set())
                if place not in self.seen:
                    await self.listen(channel, app)
                member = Member(user, ref=self.node) if user else None
                if user in held:
                    continue
                online = WentOnline(channel, _user(channel)) if _user(channel) else None
                transition = await self.engine.enter(
                    app,
                    channel,
                    occupies=not held,
                    member=member,
                    limit=limit,
                    told=online,
                )
                held.add(user)
                transitions.append(transition)
                self._note(channel, transition, "came", "occupied")
                self._compare(place)
        return transitions

    async def quit(self, channel: str, *users: str, app: str = "1") -> list[Transition]:
        """Have these users leave, their last connection of each."""
        place, transitions = (app, channel), []
        async with self._gates.setdefault(place, asyncio.Lock()):
            held = self._held.setdefault(place, set())
            for user in users or ("",):
                if user not in held:
                    continue
                held.discard(user)
                offline = WentOffline(channel, _user(channel)) if _user(channel) else None
                transition = await self.engine.leave(
                    app,
                    channel,
                    vacates=not held,
                    user_id=user or None,
                    told=offline,
                )
                transitions.append(transition)
                self._note(channel, transition, "went", "vacated")
                self._compare(place)
                if not held:
                    del self.seen[place]
                    await self.engine.unsubscribe(app, channel)
        return transitions

    def holds(self, channel: str, user: str, app: str = "1") -> bool:
        return user in self._held.get((app, channel), ())

    def users(self, channel: str, app: str = "1") -> list[str]:
        """Name those who are shown, in their order."""
        return list(self.engine.present(app, channel))

    def happenings(self, kind: type[Fact]) -> list[Fact]:
        """The facts of a kind that no call was answered with."""
        return [fact for _, fact in self.facts if isinstance(fact, kind)]

    async def kill(self) -> None:
        """End it without a word, as a process that is killed."""
        await self.engine._tasks.stop()
        for shard in self.engine._link._shards.values():  # type: ignore[attr-defined]
            shard.drop()
        await self.engine._link.close()

    def _note(self, channel: str, transition: Transition, of_member: str, of_channel: str) -> None:
        if transition.member is not None:
            self.answered.append((channel, f"{transition.member.user_id} {of_member}"))
        if transition.channel:
            self.answered.append((channel, of_channel))

    def _compare(self, place: Place) -> None:
        shown = self.engine.present(*place)
        told = self.seen[place]
        # Their order is not told anew when they had to enter anew.
        if shown != told or (self.engine._lease.term == 1 and list(shown) != list(told)):
            self.faults.append(f"{place} is shown as {list(shown)}, and was told as {list(told)}")


class Party:
    """`async with Party(url) as party:` and then `await party.guest()`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.prefix = f"test-{uuid4().hex}"
        self.guests: list[Guest] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await asyncio.gather(*(guest.engine.stop() for guest in self.guests))

    async def guest(
        self,
        url: str | None = None,
        *,
        timeout: float = 5,  # noqa: ASYNC109  # Redis' time
        interval: float = INTERVAL,
    ) -> Guest:
        """Let a node join, which beats every `interval` seconds."""
        guest = Guest(url or self.url, self.prefix, timeout, interval)
        await guest.engine.start(guest)
        self.guests.append(guest)
        return guest

    async def many(self, number: int) -> list[Guest]:
        """Let so many join, and wait until all know of each other."""
        guests = [await self.guest() for _ in range(number)]
        for guest in guests:
            await until(lambda guest=guest: guest.engine.membership.nodes == len(self.guests))  # type: ignore[misc]
        return guests

    async def kill(self, guest: Guest) -> None:
        """End one without a word."""
        self.guests.remove(guest)
        await guest.kill()

    def without_faults(self) -> None:
        """Hold that all were told rightly, and that what they show is what they were told."""
        for guest in self.guests:
            for place in guest.seen:
                guest._compare(place)
            assert guest.faults == []


def _user(channel: str) -> str:
    return channel.removeprefix("#about-") if channel.startswith("#about-") else ""


def named(guests: Sequence[Guest], kind: type[Fact]) -> Counter[str]:
    """Count who was told by `happened`, of all guests together."""
    return Counter(
        f"{fact.channel} {fact.member.user_id}" if isinstance(fact, MemberAdded | MemberRemoved) else fact.channel
        for guest in guests
        for fact in guest.happenings(kind)
    )
