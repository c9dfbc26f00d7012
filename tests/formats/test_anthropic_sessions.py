"""Whole sessions as Anthropic Messages, every fifth request of each: everything fits and the endpoint would take it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from anthropic_chat import translated
from anthropic_rules import anthropic_refusal, cache_marks, forged_thinking
from anthropic_rules import thinking_of as thinking_of_turns

from token_guard import fit
from token_guard.conversation import Conversation
from token_guard.counting import meter_for
from token_guard.formats.anthropic_messages import AnthropicMessages
from token_guard.report import Fitted

MESSAGES = AnthropicMessages()
MODEL = "claude-sonnet-4-5"
LIMIT = 32_000
CACHED = {"cache_control": {"type": "ephemeral"}}


def requests(messages: list[Any], **more: Any) -> Iterator[dict[str, Any]]:
    """Every fifth request of a session, marked for the prompt cache as Claude Code marks its own."""
    ends = [place for place, message in enumerate(messages) if place and message["role"] == "assistant"]
    for end in ends[::5]:
        yield {"model": MODEL, "max_tokens": 1_024, "messages": [*messages[: end - 1], marked(messages[end - 1])], **more}


def marked(message: dict[str, Any]) -> dict[str, Any]:
    content = message["content"]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return {**message, "content": [*blocks[:-1], {**blocks[-1], **CACHED}]}


def fitted(request: dict[str, Any]) -> Fitted:
    return fit(request, api="anthropic.messages", max_input_tokens=LIMIT)


def size_of(request: Any) -> int:
    parsed = MESSAGES.parse(request)
    assert isinstance(parsed, Conversation)
    return meter_for(MODEL).measure(parsed).tokens


def sealed(message: dict[str, Any]) -> list[Any]:
    blocks = message["content"] if isinstance(message["content"], list) else []
    return [block for block in blocks if block["type"] in ("thinking", "redacted_thinking")]


def thinking_of(messages: list[Any]) -> dict[str, list[Any]]:
    """The thinking of each message that has calls, by the calls' ids."""
    return {
        block["id"]: sealed(message) for message in messages for block in message["content"] if isinstance(block, dict) and "id" in block
    }


def checked(request: dict[str, Any]) -> Fitted:
    before = json.dumps(request)
    done = fitted(request)
    forwarded = dict(done.request)
    assert anthropic_refusal(request) is None
    assert anthropic_refusal(forwarded) is None
    assert size_of(forwarded) <= LIMIT
    assert thinking_of(forwarded["messages"]).items() <= thinking_of(request["messages"]).items()
    assert list(cache_marks(forwarded)) == list(cache_marks(request))
    assert {key: value for key, value in forwarded.items() if key != "messages"} == {
        key: value for key, value in request.items() if key != "messages"
    }
    assert json.dumps(request) == before
    return done


def test_every_request_of_recorded_sessions_fits_and_is_valid(corpus: Any) -> None:
    system = [{"type": "text", "text": "You are Claude Code. Never push to main.", **CACHED}]
    done = [checked(request) for record in corpus("anthropic_messages") for request in requests(record["messages"], system=system)]
    assert sum(fitted.report.action == "compacted" for fitted in done) > 100


def test_recorded_requests_come_back_as_the_same_object(corpus: Any) -> None:
    for record in corpus("anthropic_messages"):
        for request in requests(record["messages"]):
            parsed = MESSAGES.parse(request)
            assert isinstance(parsed, Conversation)
            assert MESSAGES.render(parsed) is request


def test_what_the_user_said_beside_the_last_results_stays(corpus: Any) -> None:
    kept = 0
    for record in corpus("anthropic_messages"):
        messages = record["messages"]
        for place in (place for place, message in enumerate(messages) if len({block["type"] for block in blocks(message)}) > 1):
            if messages[place]["role"] == "user":
                words = [block for block in blocks(messages[place]) if block["type"] == "text"]
                request = {"model": MODEL, "max_tokens": 1_024, "messages": messages[: place + 1]}
                texts = [block for block in fitted(request).request["messages"][-1]["content"] if block["type"] == "text"]
                assert texts[: len(words)] == words  # what is recalled for them comes after them
                kept += 1
    assert kept


def test_the_beginning_stays_as_it_was_unless_an_epoch_opened(corpus: Any) -> None:
    messages = corpus("anthropic_messages")[1]["messages"]
    before: Any = None
    for request in (dict(request, messages=messages[: len(request["messages"])]) for request in requests(messages)):
        now = fitted(request)
        if before and before.report.epochs == now.report.epochs:
            assert now.request["messages"][: len(before.request["messages"])] == before.request["messages"]
        before = now
    assert before.report.epochs > 1


LONG = 2 if os.environ.get("ALL_REQUESTS") else 3
"""The recording with the most messages, or by default one of the same agent's with less than half as many."""


@pytest.mark.parametrize(("file", "number"), [("coding_agents", 0), ("coding_agents", 9), ("agent_sessions", LONG), ("agent_sessions", 5)])
def test_sessions_of_other_agents_fit_and_are_valid_too(corpus: Any, file: str, number: int) -> None:
    """As coding agents would send them that speak Anthropic Messages."""
    system, messages = translated(corpus(file)[number]["messages"])
    done = [checked(request) for request in requests(messages, **({"system": system} if system else {}))]
    assert sum(fitted.report.action == "compacted" for fitted in done) > 5


def blocks(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


# -- words of the user's beside tool results -----------------------------------------------------------------------------

ASK = "No, not like that: never touch src/billing.py again, and tell me why it failed."


def talk(turns: int, lines: int = 60) -> list[dict[str, Any]]:
    """An agent's session, at whose second call the user interrupts with words beside the result."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": "Mend the failing test."}]
    for number in range(turns):
        output = "\n".join(f"src/module_{number}.py:{line}: lookup_{number * 7 + line}(request)" for line in range(lines))
        words = [{"type": "text", "text": ASK}] if number == 1 else []
        use = {"type": "tool_use", "id": f"toolu_{number}", "name": "read", "input": {"path": f"src/module_{number}.py"}}
        answer = {"type": "tool_result", "tool_use_id": f"toolu_{number}", "content": output}
        messages += [{"role": "assistant", "content": [use]}, {"role": "user", "content": [answer, *words]}]
    return messages


def test_the_last_words_beside_results_stay_however_long_ago_they_were_said() -> None:
    request = {"model": MODEL, "max_tokens": 1_024, "messages": talk(80)}
    done = fitted(request)
    assert done.report.action == "compacted"
    assert anthropic_refusal(done.request) is None
    assert {"type": "text", "text": ASK} in [block for message in done.request["messages"] for block in blocks(message)]


def test_earlier_words_beside_results_are_kept_or_quoted() -> None:
    asked_again = [*talk(80), {"role": "assistant", "content": "It failed."}, {"role": "user", "content": "Go on."}, *talk(80)[1:]]
    later = [
        {**message, "content": renumbered(message["content"])} if place > 160 else message for place, message in enumerate(asked_again)
    ]
    done = fitted({"model": MODEL, "max_tokens": 1_024, "messages": later})
    assert done.report.action == "compacted"
    assert any(ASK in str(message["content"]) for message in done.request["messages"])


def renumbered(content: Any) -> Any:
    """The same blocks as calls of another session."""
    return json.loads(json.dumps(content).replace("toolu_", "toolu_b"))


# -- the judge itself ----------------------------------------------------------------------------------------------------

CALLS = [{"type": "tool_use", "id": name, "name": "read", "input": {}} for name in ("a", "b")]
ANSWERS = [{"type": "tool_result", "tool_use_id": name, "content": "42"} for name in ("a", "b")]
USER, WORDS = {"role": "user", "content": "hi"}, {"type": "text", "text": "hm"}
THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "s"}


def turn(role: str, *found: Any) -> dict[str, Any]:
    return {"role": role, "content": list(found)}


REFUSED = {
    "opens with the assistant": [turn("assistant", WORDS), USER],
    "an answer is missing": [USER, turn("assistant", *CALLS), turn("user", ANSWERS[0])],
    "words before the answers": [USER, turn("assistant", *CALLS), turn("user", WORDS, *ANSWERS)],
    "words between calls and answers": [USER, turn("assistant", *CALLS), USER, turn("user", *ANSWERS)],
    "answers in two messages": [USER, turn("assistant", *CALLS), turn("user", ANSWERS[1]), turn("user", ANSWERS[0])],
    "an answer to nothing": [USER, turn("assistant", WORDS), turn("user", ANSWERS[0])],
    "two answers to one call": [USER, turn("assistant", CALLS[0]), turn("user", ANSWERS[0], ANSWERS[0])],
    "an open call at the end": [USER, turn("assistant", *CALLS)],
    "a call's id twice": [USER, turn("assistant", CALLS[0]), turn("user", ANSWERS[0])] * 2,
    "input that is no object": [USER, turn("assistant", {**CALLS[0], "input": "{}"}), turn("user", ANSWERS[0])],
    "empty text": [turn("user", {"type": "text", "text": " "})],
    "empty text in an answer": [USER, turn("assistant", CALLS[0]), turn("user", {**ANSWERS[0], "content": [{"type": "text", "text": ""}]})],
    "no content": [turn("user")],
    "thinking after words": [USER, turn("assistant", WORDS, THOUGHT, WORDS), USER],
    "thinking without a signature": [USER, turn("assistant", {**THOUGHT, "signature": ""}, WORDS), USER],
    "a server tool's result alone": [USER, turn("assistant", {"type": "web_search_tool_result", "tool_use_id": "s", "content": []}), USER],
    "a server tool without its result": [USER, turn("assistant", {"type": "server_tool_use", "id": "s"}, WORDS), USER],
    "an unknown role": [USER, turn("tool", WORDS)],
    "five cache marks": [turn("user", *[{**WORDS, **CACHED}] * 5)],
}


@pytest.mark.parametrize("messages", REFUSED.values(), ids=REFUSED.keys())
def test_the_judge_refuses_what_the_endpoint_refuses(messages: list[dict[str, Any]]) -> None:
    assert anthropic_refusal({"max_tokens": 9, "messages": messages})


def test_the_judge_refuses_a_tool_loop_that_opens_without_thinking_and_thinking_of_others() -> None:
    bare, thoughtful = ([USER, turn("assistant", *opening, CALLS[0]), turn("user", ANSWERS[0])] for opening in ((), (THOUGHT,)))
    on = {"max_tokens": 3_000, "thinking": {"type": "enabled", "budget_tokens": 2_000}}
    assert anthropic_refusal({**on, "messages": bare})
    assert anthropic_refusal({**on, "messages": thoughtful}) is None
    assert forged_thinking(thoughtful, {("hm", "of another")})
    assert forged_thinking(thoughtful, set(thinking_of_turns(thoughtful))) is None


def test_the_judge_lets_pass_what_the_endpoint_takes() -> None:
    messages = [
        USER,
        turn("assistant", THOUGHT, *CALLS),
        turn("user", ANSWERS[1], ANSWERS[0], WORDS),
        turn("user", WORDS),
        turn("system", WORDS),
        USER,
    ]
    assert anthropic_refusal({"max_tokens": 9, "messages": messages}) is None
