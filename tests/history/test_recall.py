"""What the newest question needs from what was compacted away comes back, after the user's own words."""

from __future__ import annotations

import importlib.util
import json
from functools import partial
from typing import Any

import pytest
from build import agent, answer, call, parsed, result, say

from token_guard import Guard, Settings, fit
from token_guard.conversation import Message
from token_guard.counting import meter_for
from token_guard.formats import format_for
from token_guard.history import recall
from token_guard.marks import is_marked

QUESTION = "What did Ines say about the harbour ferry, and on which days of the week does it leave?"
EVIDENCE = "Ines: The harbour ferry leaves at 6:40 from pier nine, and never on Mondays."
METER = meter_for("gpt-4o")


def chatter(turns: int) -> list[str]:
    return [
        f"Speaker {number % 7}: Point {number} of the agenda is about item {number * 13 % 101}, and we agreed." for number in range(turns)
    ]


def transcript(turns: int = 400) -> list[dict[str, Any]]:
    lines = chatter(turns)
    lines[turns // 3] = EVIDENCE
    return [say("system", "You are careful."), *(say("user", line) for line in lines), say("user", QUESTION)]


def talk(turns: int = 200) -> list[dict[str, Any]]:
    lines = chatter(turns)
    replies = [EVIDENCE if number == 20 else f"Noted: {len(line)} characters." for number, line in enumerate(lines)]
    said = [message for line, reply in zip(lines, replies, strict=True) for message in (say("user", line), answer(reply))]
    return [say("system", "You are careful."), *said, say("user", QUESTION)]


def tools(question: str) -> list[dict[str, Any]]:
    """A session whose third output alone has an invoice; it ends with a question."""
    messages = agent(120)
    messages[7]["content"] = messages[7]["content"] + "\ninvoice INV-2231 was paid by transfer 77-A-19 on a Tuesday"
    return [*messages, answer("Both modules were read."), say("user", question)]


def sent(messages: list[dict[str, Any]], budget: int = 3_000, **options: Any) -> list[dict[str, Any]]:
    settings = Settings(**options)
    return list(fit({"model": "gpt-4o", "messages": messages}, max_input_tokens=budget, settings=settings).request["messages"])


def test_a_question_about_a_transcript_brings_its_passage_back() -> None:
    last = sent(transcript())[-1]["content"]
    assert last.startswith(QUESTION + "\n\n")
    assert EVIDENCE in last


def test_what_is_recalled_is_marked_and_says_whose_words_it_quotes() -> None:
    recalled = sent(transcript())[-1]["content"].removeprefix(QUESTION).strip()
    assert is_marked(recalled)
    assert recalled.endswith("⟧")
    assert "\nuser:\n" in recalled


def test_passages_keep_their_order() -> None:
    points = [int(line.split()[3]) for line in sent(transcript())[-1]["content"].splitlines() if " Point " in line]
    assert points == sorted(points)
    assert len(points) >= 10


def test_a_transcript_fills_the_room_that_is_left_and_no_more() -> None:
    messages = [*transcript()[:-1], say("user", "What was agreed on the points of the agenda, and on which items?")]
    fitted = fit({"model": "gpt-4o", "messages": messages}, max_input_tokens=3_000)
    assert 2_600 <= fitted.report.tokens_after <= 3_000


def test_a_transcript_in_one_message_is_searched_line_by_line() -> None:
    lines = chatter(800)
    lines[300] = EVIDENCE
    messages = sent([say("system", "Be brief."), say("user", "\n".join(lines)), say("user", QUESTION)], 4_000)
    assert EVIDENCE in messages[-1]["content"]


def test_a_document_that_nearly_fits_is_left_in_its_order() -> None:
    messages = sent([say("system", "Be brief."), say("user", "\n".join(chatter(160))), say("user", QUESTION)], 3_500)
    assert messages[-1]["content"] == QUESTION


def test_in_talk_a_relevant_passage_comes_back_and_an_irrelevant_question_brings_none() -> None:
    assert EVIDENCE in sent(talk())[-1]["content"]
    thanks = [*talk()[:-1], say("user", "Thanks, wonderful!")]
    assert sent(thanks)[-1]["content"] == "Thanks, wonderful!"


def test_a_name_of_a_masked_result_brings_back_the_lines_around_it() -> None:
    messages = sent(tools("How was INV-2231 paid?"), 8_000)
    assert "transfer 77-A-19" in messages[-1]["content"]
    assert "output of read" in messages[-1]["content"]


def test_a_call_that_only_looked_is_not_quoted_without_what_it_found() -> None:
    messages = tools("Is ledger_77.py in order?")
    looked = [call("look", "grep", pattern="ledger_77.py"), result("look", "No matches found.")]
    wrote = [call("wrote", "bash", command="echo total = 77 > ledger_77.py"), result("wrote", "Written.")]
    question = messages[-1]["content"]
    assert sent([*messages[:9], *looked, *messages[9:]], 8_000)[-1]["content"] == question
    assert "echo total = 77" in sent([*messages[:9], *wrote, *messages[9:]], 8_000)[-1]["content"]


def test_a_smaller_share_binds_sessions_of_tools_too() -> None:
    question = "How was INV-2231 paid?"
    assert sent(tools(question), 8_000, recall={"share": 0.005})[-1]["content"] == question


def test_in_a_session_of_tools_words_alone_bring_nothing_back() -> None:
    question = "How was that invoice paid, and by which transfer?"
    assert sent(tools(question), 8_000)[-1]["content"] == question


def test_of_sessions_longer_than_any_the_newest_are_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    request = {"model": "gpt-4o", "messages": tools("How was INV-2231 paid?")}
    monkeypatch.setattr(recall, "MOST", len(request["messages"]) - 12)
    assert "transfer 77-A-19" not in Guard(Settings()).process(request, max_input_tokens=8_000).request["messages"][-1]["content"]
    monkeypatch.setattr(recall, "MOST", len(request["messages"]))
    assert "transfer 77-A-19" in Guard(Settings()).process(request, max_input_tokens=8_000).request["messages"][-1]["content"]


def test_of_talk_longer_than_any_the_newest_is_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    request = {"model": "gpt-4o", "messages": talk()}
    monkeypatch.setattr(recall, "MOST", 200)
    assert EVIDENCE not in Guard(Settings()).process(request, max_input_tokens=3_000).request["messages"][-1]["content"]


def test_what_can_still_be_read_is_not_quoted() -> None:
    messages = [*tools("")[:-2], answer("Seen."), say("user", "What is in src/module_119/app_119.py?")]
    assert sent(messages, 8_000)[-1]["content"] == "What is in src/module_119/app_119.py?"


def test_it_can_be_switched_off() -> None:
    assert sent(transcript(), recall={"enabled": False})[-1]["content"] == QUESTION


def test_a_session_gets_no_more_than_its_share() -> None:
    with_quotes = sent(talk(), 2_000, recall={"share": 0.05})[-1]
    assert 0 < size([with_quotes]) - size([say("user", QUESTION)]) <= 0.05 * 2_000


@pytest.mark.parametrize("cap", [800, 1_000])
def test_quotes_make_no_request_larger_than_its_history(cap: int) -> None:
    report = (
        "The {} report says that sales in the north went up by a third while costs stayed where they had been, and the board was content. "
    )
    things = ["amber", "birch", "coral", "dune"]
    messages = [message for thing in things for message in (say("user", 3 * report.format(thing)), answer("Noted, and filed."))]
    asked = {"model": "gpt-4o", "messages": [*messages, say("user", f"What of {', '.join(things)}?")]}
    done = Guard(Settings()).force(asked, max_input_tokens=cap).report
    assert done.action == "compacted"
    assert done.tokens_after <= done.tokens_before


def test_what_only_says_something_gets_less_than_a_question() -> None:
    stated = QUESTION.replace("What did Ines say", "I wonder what Ines said").replace("?", ".")
    told = sent([*talk()[:-1], say("user", stated)])[-1]
    asked = sent(talk())[-1]
    room = 0.5 * 3_000
    assert size([told]) - size([say("user", stated)]) <= room / 10 < size([asked]) - size([say("user", QUESTION)]) <= room


def test_where_every_message_has_the_words_of_the_question_nothing_is_quoted_and_nothing_compacted_anew() -> None:
    messages = [message for number in range(600) for message in (say("user", f"page {number}"), answer(f"page {number}"))]
    fitted = fit({"model": "gpt-4o", "messages": [*messages, say("user", "page 600")]}, max_input_tokens=3_000)
    assert fitted.request["messages"][-1] == say("user", "page 600")
    assert fitted.report.epochs <= 1_200 * 8 // 1_000


def size(messages: list[dict[str, Any]]) -> int:
    return METER.messages(parsed(messages))


def test_in_talk_it_leaves_when_the_user_speaks_again() -> None:
    first = sent(talk())
    assert EVIDENCE in first[-1]["content"]
    later = sent([*talk(), answer("At 6:40."), say("user", "Thank you very much indeed.")])
    assert later[: len(first)] == [*first[:-1], say("user", QUESTION)]


def test_settings_that_are_given_do_not_count_as_thresholds_that_are_set() -> None:
    assert sent(talk()) == list(fit({"model": "gpt-4o", "messages": talk()}, max_input_tokens=3_000).request["messages"])


def test_it_is_the_same_on_every_later_request_of_the_turn() -> None:
    messages = tools("How was INV-2231 paid?")
    first = sent(messages, 8_000)
    later = sent([*messages, call("more", path="z.py"), result("more", "nothing")], 8_000)
    assert later[: len(first)] == first


def test_with_and_without_a_memo_it_is_the_same() -> None:
    messages = [*tools("How was INV-2231 paid?"), answer("By transfer."), say("user", "And src/module_5/app_5.py?")]
    guard = Guard(Settings())
    ask = partial(guard.process, max_input_tokens=8_000)
    for end in (number for number, message in enumerate(messages) if message["role"] == "assistant"):
        ask({"model": "gpt-4o", "messages": messages[:end]})
    assert ask({"model": "gpt-4o", "messages": messages}).request["messages"] == sent(messages, 8_000)


# -- formats --------------------------------------------------------------------------------------------------------------

BLOCKS = [{"type": "text", "text": QUESTION}]
TALKED = [say("user", line) for line in [*chatter(200), EVIDENCE, *chatter(200)]]
RESULT = {"type": "tool_result", "tool_use_id": "1", "content": "42"}
USE = {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "read", "input": {}}]}
REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "chat, text": ("openai.chat", {"messages": [*TALKED, say("user", QUESTION)]}),
    "chat, parts": ("openai.chat", {"messages": [*TALKED, say("user", BLOCKS)]}),
    "anthropic, text": ("anthropic.messages", {"messages": [*TALKED, say("user", QUESTION)], "system": "Be brief."}),
    "anthropic, after a tool result": (
        "anthropic.messages",
        {"messages": [*TALKED, USE, say("user", [RESULT, *BLOCKS])], "max_tokens": 99},
    ),
    "responses, text": ("openai.responses", {"input": [*TALKED, say("user", QUESTION)]}),
    "responses, parts": ("openai.responses", {"input": [*TALKED, say("user", [{"type": "input_text", "text": QUESTION}])]}),
}


def last_content(request: Any) -> Any:
    return (request.get("messages") or request["input"])[-1]["content"]


@pytest.mark.parametrize("shape", REQUESTS)
def test_every_format_takes_it_after_the_users_words(shape: str) -> None:
    api, request = REQUESTS[shape]
    done = fit({"model": "gpt-4o", **request}, api=api, max_input_tokens=3_000).request
    content, before = last_content(done), last_content(request)
    recalled = content.removeprefix(before) if isinstance(before, str) else content[-1]["text"]
    assert is_marked(recalled.strip())
    assert EVIDENCE in json.dumps(done)
    if isinstance(before, list):
        assert content[:-1] == before
        assert content[-1]["type"] == before[-1]["type"]


@pytest.mark.parametrize("shape", REQUESTS)
def test_what_is_rendered_can_be_parsed_and_is_no_larger_than_was_counted(shape: str) -> None:
    api, request = REQUESTS[shape]
    fitted = fit({"model": "gpt-4o", **request}, api=api, max_input_tokens=3_000)
    format_ = format_for(api, fitted.request)
    assert format_
    again = METER.measure(format_.parse(fitted.request))  # type: ignore[arg-type]
    assert again.tokens <= fitted.report.tokens_after <= 3_000


# -- recorded meetings ----------------------------------------------------------------------------------------------------


def test_recorded_questions_find_their_evidence(corpus_folder: Any, corpus: Any) -> None:
    spec = importlib.util.spec_from_file_location("corpus_evaluate_recall", corpus_folder / "evaluate.py")
    assert spec
    assert spec.loader
    evaluate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(evaluate)
    meetings = [record for record in corpus("long_dialogues_qa") if record["id"].startswith(("qmsum/Committee", "qmsum/Product/val/8"))]
    found = evaluate.evidence(sent, meetings, 0.3, 6, max_evidence=60)
    assert found["evidence"] > 100
    assert (found["too_big"], found["invalid"]) == (0, 0)
    assert found["recall"] >= 0.62


def test_a_view_is_not_changed_by_its_own_words() -> None:
    history: tuple[Message, ...] = parsed(transcript())
    Guard(Settings()).process({"model": "gpt-4o", "messages": transcript()}, max_input_tokens=3_000)
    assert history == parsed(transcript())


def test_of_a_long_talk_only_what_still_stands_is_recalled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each question of it was answered, and what was quoted for it left when the user spoke again."""
    messages = talk(400)
    warm = Guard(Settings())
    ends = [place for place, message in enumerate(messages) if message["role"] == "assistant" and place % 40 == 20]
    for end in ends:
        warm.process({"model": "gpt-4o", "messages": messages[:end]}, max_input_tokens=4_000)
    request = {"model": "gpt-4o", "messages": messages}
    expected = warm.process(request, max_input_tokens=4_000).request
    asked: list[Any] = []
    found = recall.Recall.__call__
    monkeypatch.setattr(recall.Recall, "__call__", lambda self, *args: asked.append(args) or found(self, *args))
    assert Guard(Settings()).process(request, max_input_tokens=4_000).request == expected
    assert len(asked) <= 2
