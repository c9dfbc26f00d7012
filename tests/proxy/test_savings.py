"""Savings are what was saved in truth: cached tokens count a tenth, rewrites and summaries are taken off."""

from __future__ import annotations

import pytest

from token_guard.proxy.savings import Debts, Saved, saved_tokens


@pytest.mark.parametrize(
    ("would_be_read", "read", "saved"),
    [(0, 0, 40_000), (45_000, 5_000, 4_000), (45_000, 0, -500), (50_000, 0, -5_000), (90_000, 90_000, 4_000)],
)
def test_what_would_have_been_read_from_the_cache_counts_a_tenth(would_be_read: int, read: int, saved: int) -> None:
    assert saved_tokens(50_000, 10_000, would_be_read=would_be_read, read=read) == saved


def test_over_a_session_savings_are_the_difference_of_the_two_bills() -> None:
    """Four turns of a history that grows by 1,000 tokens; the third is compacted, and the cache is written anew."""
    turns = [(20_000, 20_000, 0, 0), (21_000, 21_000, 20_000, 20_000), (22_000, 6_000, 21_000, 0), (23_000, 7_000, 22_000, 6_000)]
    debts = Debts()
    net = [
        debts.settle("ann", saved_tokens(before, after, would_be_read=without, read=read), 0.0).net
        for before, after, without, read in turns
    ]
    bill = sum(before - 0.9 * without for before, _, without, _ in turns) - sum(after - 0.9 * read for _, after, _, read in turns)
    assert net == [0, 0, 0, 0]  # the rewrite of 6,000 cost more than the fourth turn saved
    assert bill == pytest.approx(-2_900 + 1_600)
    assert debts.settle("ann", 1_400, 0.0) == Saved(1_400, 100)


def test_summaries_are_paid_off_by_who_bought_them() -> None:
    debts = Debts()
    debts.owe("ann", money=0.01)
    debts.owe("ann", tokens=500)
    assert debts.settle("bob", 9_000, 1e-6) == Saved(9_000, 9_000)
    assert debts.settle("ann", 9_000, 1e-6) == Saved(9_000, 0)
    assert debts.settle("ann", 9_000, 1e-6) == Saved(9_000, 7_500)


def test_a_debt_of_money_waits_for_a_model_with_a_price() -> None:
    debts = Debts()
    debts.owe("ann", money=0.001)
    assert debts.settle("ann", 9_000, 0.0) == Saved(9_000, 9_000)
    assert debts.settle("ann", 9_000, 1e-6) == Saved(9_000, 8_000)
