from __future__ import annotations

from token_guard.proxy.allowance import Allowance
from token_guard.stores import MemoryStore


def test_an_hour_has_only_so_many_calls() -> None:
    now = [0.0]
    allowance = Allowance(2, lambda: now[0], MemoryStore(clock=lambda: now[0]))
    assert [allowance.take() for _ in range(3)] == [True, True, False]
    now[0] = 3_600.0
    assert allowance.take()


def test_the_calls_of_an_hour_are_those_of_all_who_share_a_store() -> None:
    now = [0.0]
    store = MemoryStore(clock=lambda: now[0])
    one, other = (Allowance(3, lambda: now[0], store) for _ in range(2))
    assert [one.take(), other.take(), one.take(), other.take(), one.take()] == [True, True, True, False, False]
    now[0] = 3_600.0
    assert [other.take(), one.take()] == [True, True]


def test_three_failures_in_a_row_begin_a_rest_that_ends() -> None:
    now = [0.0]
    allowance = Allowance(9, lambda: now[0], MemoryStore())
    for failed in (True, True, False, True, True):
        allowance.judge(failed=failed)
    assert not allowance.rests
    allowance.judge(failed=True)
    assert allowance.rests
    now[0] = 300.0
    assert not allowance.rests
