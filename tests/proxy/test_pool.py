"""Callers take turns, few jobs run at a time, and what overruns its deadline keeps nobody's place."""

from __future__ import annotations

import asyncio
import threading

import pytest

from token_guard.proxy.pool import WORKERS, FairPool


def test_callers_take_turns() -> None:
    begun: list[str] = []

    async def all_at_once() -> None:
        pool, gate = FairPool(workers=1), threading.Event()
        first = asyncio.create_task(pool("greedy", gate.wait))
        await asyncio.sleep(0)
        rest = [asyncio.create_task(pool(caller, lambda caller=caller: begun.append(caller))) for caller in ("greedy", "greedy", "other")]
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(first, *rest)

    asyncio.run(all_at_once())
    assert begun == ["greedy", "other", "greedy"]


def test_the_same_threads_do_all_jobs() -> None:
    async def one_after_the_other() -> set[int]:
        pool = FairPool()
        return {await pool("one", threading.get_ident) for _ in range(50)}

    assert len(asyncio.run(one_after_the_other())) <= WORKERS + 1


def test_what_hangs_is_given_up_and_its_place_is_anothers() -> None:
    gate = threading.Event()

    async def hung_then_quick() -> str:
        pool = FairPool(workers=1)
        with pytest.raises(TimeoutError):
            await pool("one", gate.wait, 0.01)
        return await pool("one", lambda: "done")

    try:
        assert asyncio.run(hung_then_quick()) == "done"
    finally:
        gate.set()


def test_what_waited_too_long_is_never_begun() -> None:
    gate, begun = threading.Event(), threading.Event()

    async def crowded() -> None:
        pool = FairPool(workers=1)
        first = asyncio.create_task(pool("one", gate.wait))
        await asyncio.sleep(0)
        with pytest.raises(TimeoutError):
            await pool("two", begun.set, 0.01)
        gate.set()
        await first

    asyncio.run(crowded())
    assert not begun.is_set()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_the_work_raises_is_raised(error: type[BaseException]) -> None:
    def fails() -> None:
        raise error

    async def once() -> None:
        with pytest.raises(error):
            await FairPool()("one", fails)

    asyncio.run(once())


def test_a_stop_iteration_ends_the_wait() -> None:
    async def once() -> None:
        with pytest.raises(RuntimeError):
            await FairPool()("one", lambda: next(iter(())))

    asyncio.run(once())


def test_work_in_haste_begins_before_all_others_and_its_time_is_counted_from_then() -> None:
    begun: list[str] = []

    async def crowded() -> None:
        pool, gate = FairPool(workers=1), threading.Event()
        first = asyncio.create_task(pool("one", gate.wait))
        await asyncio.sleep(0)
        waiting = asyncio.create_task(pool("two", lambda: begun.append("waiting")))
        hasty = asyncio.create_task(pool("three", lambda: begun.append("hasty"), 5.0, hasty=True))
        late = asyncio.create_task(pool("four", lambda: begun.append("late"), 0.05, hasty=True))
        await asyncio.sleep(0.2)
        gate.set()
        await asyncio.gather(first, waiting, hasty, late)

    asyncio.run(crowded())
    assert begun == ["hasty", "late", "waiting"]


def test_work_in_haste_that_nobody_waits_for_is_never_begun() -> None:
    gate, begun = threading.Event(), threading.Event()

    async def given_up() -> None:
        pool = FairPool(workers=1)
        first = asyncio.create_task(pool("one", gate.wait))
        await asyncio.sleep(0)
        hasty = asyncio.create_task(pool("two", begun.set, hasty=True))
        await asyncio.sleep(0)
        hasty.cancel()
        await asyncio.wait([hasty])
        gate.set()
        await first

    asyncio.run(given_up())
    assert not begun.is_set()
