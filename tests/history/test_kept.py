"""What became of that which should stay."""

from __future__ import annotations

from dataclasses import replace

from build import agent, answer, call, parsed, result, say

from token_guard import Guard
from token_guard.conversation import Text
from token_guard.history.kept import kept_of
from token_guard.report import Kept

HISTORY = parsed(agent(4))


def test_what_is_untouched_is_whole_and_what_there_was_not_is_none() -> None:
    assert kept_of(HISTORY, HISTORY) == Kept(task="whole", newest="whole")


def test_words_that_recall_added_take_nothing_away() -> None:
    task = replace(HISTORY[1], parts=(*HISTORY[1].parts, Text("more")))
    assert kept_of(HISTORY, (HISTORY[0], task, *HISTORY[2:])).task == "whole"


def test_a_shorter_message_is_cut_and_a_missing_one_gone() -> None:
    task = HISTORY[1].with_part(0, Text("Find out"))
    assert kept_of(HISTORY, (HISTORY[0], task, *HISTORY[2:])).task == "cut"
    assert kept_of(HISTORY, (HISTORY[0], *HISTORY[2:])).task == "gone"


def test_a_report_says_it_and_names_only_what_there_was() -> None:
    fitted = Guard().process({"model": "gpt-4o", "messages": agent(120)}, max_input_tokens=8_000)
    assert fitted.report.kept.told == {"task": "whole", "newest": "whole"}
    untouched = Guard().process({"model": "gpt-4o", "messages": [say("user", "hi")]}, max_input_tokens=8_000)
    assert untouched.report.kept.told == {}


def test_a_task_that_joins_a_later_message_is_whole_and_the_plan_between_them_stays() -> None:
    words, plan = "Mend all ten points of the list in docs/points.md, one commit each.", "- [ ] point one\n- [ ] point two"
    wires = [say("system", "Be brief."), say("user", words), call("p", "TodoWrite", todos=plan), result("p", "Todos are kept.")]
    wires += [answer("I begin with point one, in src/one.py."), say("user", "please continue"), *agent(60)[2:], say("user", "yes, go on")]
    for model in ("hosted_vllm/qwen3-coder", "mistral/mistral-large-latest"):
        fitted = Guard().process({"model": model, "messages": wires}, max_input_tokens=6_000)
        assert fitted.report.action == "compacted"
        assert fitted.report.kept.told == {"task": "whole", "plan": "whole", "newest": "whole"}
        assert words in str(fitted.request["messages"])
        assert plan.splitlines()[1] in str(fitted.request["messages"])
