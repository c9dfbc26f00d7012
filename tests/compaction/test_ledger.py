"""What is remembered of messages that were taken out is joined to what was remembered before, and not read again."""

from __future__ import annotations

import pytest
from build import watched

from token_guard.compaction import ledger, rules
from token_guard.compaction.ledger import Ledger

KNOWN = rules.newest(f"Always use the module_{number} for the table_{number}." for number in range(100))
LATER = ("The budget cap is $500.", "Use tabs.", "Always use the module_7 for the table_7.", "The budget cap is now $750.")


def test_rules_that_were_joined_before_are_not_compared_with_one_another_again(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = watched(monkeypatch, ledger, "replaces")
    joined = Ledger(rules=KNOWN).joined(Ledger(rules=LATER)).rules
    assert joined == (*KNOWN[:7], *KNOWN[8:], "Use tabs.", KNOWN[7], "The budget cap is now $750.")
    assert {rule for rule, _ in compared} == set(LATER)


def test_joined_rules_are_those_of_all_of_them_together() -> None:
    assert Ledger(rules=KNOWN).joined(Ledger(rules=LATER)).rules == rules.newest((*KNOWN, *LATER))


def test_what_was_said_later_stands_also_where_it_went_first() -> None:
    first = Ledger(rules=("Cap spending at $750.", "Use tabs."), places={"Cap spending at $750.": 9, "Use tabs.": 11})
    then = Ledger(rules=("The budget cap is $500.", "Answer in German."), places={"The budget cap is $500.": 5, "Answer in German.": 7})
    assert first.joined(then).rules == ("Answer in German.", "Cap spending at $750.", "Use tabs.")


def test_a_rule_that_was_said_twice_counts_from_the_second_time() -> None:
    told = Ledger(rules=("Answer in English.",), places={"Answer in English.": 20})
    for_a_while = Ledger(rules=("Answer in English.", "Answer in German."), places={"Answer in English.": 2, "Answer in German.": 8})
    assert told.joined(for_a_while).rules == ("Answer in English.",)
