"""What is remembered of messages that were taken out is joined to what was remembered before, and not read again."""

from __future__ import annotations

import pytest

from token_guard.compaction import rules
from token_guard.compaction.ledger import Ledger

KNOWN = rules.newest(f"Always use the module_{number} for the table_{number}." for number in range(100))
LATER = ("The budget cap is $500.", "Use tabs.", "Always use the module_7 for the table_7.", "The budget cap is now $750.")


def test_rules_that_were_joined_before_are_not_compared_with_one_another_again(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[str, str]] = []
    replaces = rules.replaces
    monkeypatch.setattr(rules, "replaces", lambda rule, older: compared.append((rule, older)) or replaces(rule, older))  # type: ignore[func-returns-value]
    joined = Ledger(rules=KNOWN).joined(Ledger(rules=LATER)).rules
    assert joined == (*KNOWN[:7], *KNOWN[8:], "Use tabs.", KNOWN[7], "The budget cap is now $750.")
    assert {rule for rule, _ in compared} == set(LATER)


def test_joined_rules_are_those_of_all_of_them_together() -> None:
    assert rules.newest(LATER, KNOWN) == rules.newest((*KNOWN, *LATER))
