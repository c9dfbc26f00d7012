"""No two spend the same money, in whatever thread or process they are."""

from __future__ import annotations

import threading
from typing import Any

from token_guard.shadow import Book, Reservation
from token_guard.stores import MemoryStore

DAY = 86_400.0


class Unreachable(MemoryStore):
    def flush(self) -> bool:
        return False


def at_once(number: int, work: Any) -> list[Any]:
    """What so many threads come to that begin together."""
    together, found = threading.Barrier(number), list[Any]()

    def run() -> None:
        together.wait()
        found.append(work())

    threads = [threading.Thread(target=run) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_what_is_reserved_at_once_is_never_more_than_the_budget() -> None:
    store = MemoryStore()
    books = [Book(1.0, store, lambda: 0.0) for _ in range(4)]  # as four processes have
    got = at_once(16, lambda: books[threading.get_ident() % 4].reserve(0.1))
    assert sum(reserved is not None for reserved in got) == 10
    assert all(round(book.spent("1970-01-01"), 9) == 1.0 for book in books)


def test_what_was_not_spent_can_be_spent_by_others() -> None:
    store = MemoryStore()
    one, other = (Book(1.0, store, lambda: 0.0) for _ in range(2))
    reserved = one.reserve(0.9)
    assert reserved
    assert other.reserve(0.2) is None
    one.settle(reserved, 0.5)
    assert other.reserve(0.5)
    assert one.reserve(0.01) is None


def test_what_cost_more_than_was_reserved_is_missing_afterwards() -> None:
    book = Book(1.0, MemoryStore(), lambda: 0.0)
    reserved = book.reserve(0.1)
    assert reserved
    book.settle(reserved, 0.95)
    assert book.reserve(0.1) is None


def test_each_day_has_its_own_money_and_a_late_bill_is_that_of_its_day() -> None:
    now = [DAY - 1]
    book = Book(1.0, MemoryStore(), lambda: now[0])
    late = book.reserve(1.0)
    assert late == Reservation("1970-01-01", 1.0)
    now[0] = DAY
    assert book.reserve(0.6)
    book.settle(late, 0.4)
    assert book.reserve(0.6) is None
    assert round(book.spent("1970-01-01"), 9) == 0.4


def test_a_process_that_starts_reads_what_was_spent_before_it() -> None:
    store = MemoryStore()
    first = Book(1.0, store, lambda: 0.0)
    for _ in range(9):
        assert first.reserve(0.1)
    later = Book(1.0, store, lambda: 0.0)
    assert later.reserve(0.1)
    assert later.reserve(0.1) is None


def test_nothing_is_spent_while_nobody_knows_what_others_spend() -> None:
    assert Book(1.0, Unreachable(), lambda: 0.0).reserve(0.1) is None


def test_cents_add_up_to_the_whole_budget() -> None:
    book = Book(0.3, MemoryStore(), lambda: 0.0)
    assert [book.reserve(0.1) is not None for _ in range(4)] == [True, True, True, False]
