"""What a user said later of what a rule is about is told beside the rule, in order, and drops none."""

from __future__ import annotations

from typing import Any

import pytest
from build import parsed, say

from token_guard import Guard, Settings, TokenCounter
from token_guard.compaction.amendments import amendments, belonging
from token_guard.compaction.rules import found
from token_guard.compaction.rules_block import untold

AMENDED = (
    ("Never touch settings.toml.", "You may edit settings.toml again."),
    ("Never touch settings.toml.", "Set the port in settings.toml to 80."),
    ("Always run the linter after each edit.", "Forget about the linter, it is broken on this machine."),
    ("Answer in French from now on.", "English is fine again."),
    ("Never push to main.", "You may push again."),
    ("Always ask before you run a migration.", "For the staging database you need not ask."),
    ("Fass die Datei kasse.sql nicht an.", "Die Datei kasse.sql darfst du jetzt wieder ändern."),
    ("Antworte ab jetzt nur auf Englisch.", "Das mit dem Englisch ist hinfällig, Deutsch ist wieder gut."),
    ("Ne touche jamais au fichier prix.csv.", "Finalement tu peux modifier prix.csv."),
    ("No toques nunca el archivo precios.csv.", "Ya puedes tocar precios.csv otra vez."),
    ("不要修改 config/prod.yaml。", "现在可以修改 config/prod.yaml 了。"),
    ("config/prod.yamlは変更しないでください。", "config/prod.yamlは変更しても大丈夫になりました。"),
    ("Никогда не меняй файл prices.csv.", "Теперь файл prices.csv менять можно."),
)

OF_SOMETHING_ELSE = (
    ("Never touch settings.toml.", "Can you edit settings.toml or is that forbidden?"),
    ("Never push to main.", "Push the branch fix/round please."),
    ("Don't edit the generated files.", "You can edit the README now."),
    ("Run the tests after each edit.", "Now run the tests again."),
    ("My user ID is mia_li_3668.", "You can use my user ID."),
)


def session(*said: str) -> list[dict[str, Any]]:
    wires = [say("system", "You help."), say("user", "Go through the importer with me.")]
    for place in range(60):
        told = said[place // 10] if place % 10 == 3 and place // 10 < len(said) else f"We looked at part {place} of the importer."
        wires += [say("assistant", "Noted, going on."), say("user", told)]
    return wires


def forwarded(wires: list[dict[str, Any]]) -> str:
    """What is left of a session after a compaction, its notes among it."""
    limit = int(0.3 * TokenCounter("gpt-4o").count_tokens_messages(wires))
    fitted = Guard(Settings(store="memory:")).process({"model": "gpt-4o", "messages": wires}, max_input_tokens=limit, force=True)
    return "\n".join(message["content"] for message in fitted.request["messages"])


@pytest.mark.parametrize(("rule", "later"), AMENDED)
def test_what_allows_or_takes_back_belongs_to_the_rule(rule: str, later: str) -> None:
    assert found(rule) == (rule,)
    assert amendments(later) == (later,)
    assert belonging({later: 5}, {rule: 3}) == {later: 5}
    assert belonging({later: 3}, {rule: 5}) == {}


@pytest.mark.parametrize(("rule", "later"), OF_SOMETHING_ELSE)
def test_a_request_a_question_or_what_is_of_something_else_belongs_to_none(rule: str, later: str) -> None:
    assert belonging(dict.fromkeys(amendments(later), 5), {rule: 3}) == {}


@pytest.mark.parametrize(("rule", "later"), AMENDED[:4])
def test_both_are_told_in_the_order_in_which_they_were_said(rule: str, later: str) -> None:
    said = forwarded(session(rule, later))
    assert 0 < said.index(rule) < said.index(later)


def test_a_later_word_is_told_where_its_rule_stays_whole() -> None:
    later = "You may edit settings.toml again."
    stays = parsed([say("user", "Mend the importer. Never touch settings.toml."), say("assistant", "Done.")])
    assert untold((), (later,), {later: 7}, stays) == [later]
    assert untold((), (later,), {later: 7}, stays[1:]) == []


def test_a_later_word_that_stays_above_the_note_is_told_with_the_rule() -> None:
    rule, later = "Never touch settings.toml.", "You may edit settings.toml again."
    stays = parsed([say("assistant", "Noted."), say("user", later)])
    assert untold((rule,), (), {rule: 0}, stays) == [rule, later]
    assert untold((rule,), (), {rule: 1}, stays) == [rule]


def test_a_guard_behind_another_tells_both() -> None:
    first = session("Never touch settings.toml.", "You may edit settings.toml again.")
    limit = int(0.3 * TokenCounter("gpt-4o").count_tokens_messages(first))
    for _ in range(3):
        fitted = Guard(Settings(store="memory:")).process({"model": "gpt-4o", "messages": first}, max_input_tokens=limit, force=True)
        first = [*fitted.request["messages"], *session()[2:]]
    said = "\n".join(message["content"] for message in fitted.request["messages"])
    assert 0 < said.rindex("Never touch settings.toml.") < said.rindex("You may edit settings.toml again.")
