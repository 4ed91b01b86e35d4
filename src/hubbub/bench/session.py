"""From the first look at a server to the report: what `hubbub bench` does.

Knows the order of things, and Ctrl-C. Does not know flags.
"""

import asyncio
import secrets
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime

import msgspec

from hubbub.bench import files
from hubbub.bench.crew import Crew, Lost
from hubbub.bench.meeting import NotRun, meet, refusal_of
from hubbub.bench.plan import Case, Part, Sizes, plans
from hubbub.bench.report import Machine, Report, tool
from hubbub.bench.run import Run, Watcher
from hubbub.bench.target import Target
from hubbub.bench.usage import Gone, usage


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What the user wants. `cases` empty: all that the server will do. `pids` are the server's own processes."""

    target: Target
    cases: Sequence[Case] = ()
    sizes: Sizes = Sizes()
    processes: int = 1
    pids: Sequence[int] = ()


def check(wish: Wish) -> None:
    """Raise TooFew or Gone when this machine cannot do what is wanted, before anything is connected."""
    if wish.pids:
        usage(wish.pids)
    for plan in plans(list(wish.cases or Case), wish.sizes, ""):
        for number in range(wish.processes):
            files.check(files.needed(plan, Part(number, wish.processes)))


async def measure(wish: Wish, bar: Callable[[int], AbstractContextManager[Watcher]]) -> Report:
    """Run the cases, and report. `bar` is told how many there are, and gives who is told how far each is.

    Ctrl-C or SIGTERM ends the case that runs, a second one the program. The report then has what there is, as it has
    when a process of the benchmark or of the server has ended by itself. Raises NotRun when the server cannot be
    measured, or will not do a case that was asked for by name.
    """
    began, clock = datetime.now(UTC), time.monotonic()
    target = await meet(wish.target)
    wanted = list(wish.cases or Case)
    refused = await refusal_of(target, wanted)
    if refused and wish.cases:
        raise NotRun("; ".join(refused.values()))
    chosen = plans([case for case in wanted if case not in refused], wish.sizes, secrets.token_hex(3))
    crew = await Crew.start(wish.processes)
    outcomes, problem = [], ""
    try:
        with bar(len(chosen)) as watcher:
            run = Run(target, crew, wish.pids, watcher)
            _obey_signals(run)
            for plan in chosen:
                if run.stop.is_set():
                    break
                outcome = await run.conduct(plan)
                if outcome is not None:
                    outcomes.append(outcome)
    except (Lost, Gone) as error:
        problem = str(error)
    finally:
        await crew.end()
    return Report(
        server=target.socket_url,
        began=began,
        seconds=round(time.monotonic() - clock, 1),
        processes=wish.processes,
        server_pids=list(wish.pids),
        sizes=wish.sizes,
        outcomes=outcomes,
        left_out={str(case): reason for case, reason in refused.items()},
        is_interrupted=run.stop.is_set(),
        problem=problem,
        tool=tool(),
        machine=Machine.here(),
    )


def _obey_signals(run: Run) -> None:
    loop = asyncio.get_running_loop()

    def stop() -> None:
        run.stop.set()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
