"""What each provider demands of the shape of a request, by the rows of the catalogue: what compaction forwards breaks none of it.

Gemini, Mistral, DeepSeek and chat templates are reached through chat completions: their rows are checked on that wire.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from build import agent, answer, call, listing, result, say
from wires import ANTHROPIC, CHAT, RESPONSES, WIRES, Wire

from token_guard import fit
from token_guard.conversation import Message

every_wire = pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.api)
providers = pytest.mark.parametrize("model", ["gpt-4o", "gemini-2.5-pro", "mistral-large-latest", "deepseek-chat", "hosted_vllm/qwen3"])

LIMIT = 4_000


def session() -> list[dict[str, Any]]:
    """Calls one at a time and two at once, words between them, reasoning on some, and a question."""
    history = [say("system", "You are careful."), say("user", "Compare the modules.")]
    for number in range(30):
        both = call(f"abc{number:05d}a", path=f"{number}.py")
        both["tool_calls"] += call(f"abc{number:05d}b", path=f"{number}.md")["tool_calls"] if number % 3 == 0 else []
        history.append({**both, "reasoning_content": f"thought {number}"} if number % 2 else both)
        history += [result(made["id"], listing(number, 15)) for made in both["tool_calls"]]
        history += [answer(f"Part {number} is fine."), say("user", f"Then part {number + 1}.")] if number % 5 == 4 else []
    return [*history, answer("All read."), say("user", "Which handler fails, and why?")]


def found(wire: Wire, **more: Any) -> list[Message]:
    """The messages that are forwarded, of a request that every checker has passed."""
    done = wire.fit(session(), LIMIT, **more)
    assert done.report.action == "compacted"
    assert not wire.refusal(done.request)
    return list(wire.read(done.request))


@every_wire
def test_call_answered_at_once(wire: Wire) -> None:
    after = found(wire)
    for place, message in enumerate(after):
        wanted = [made.id for made in message.calls]
        given = [each.call_id for later in after[place + 1 : place + 1 + len(wanted)] for each in later.results]
        assert given[: len(wanted)] == wanted


@every_wire
def test_result_without_call(wire: Wire) -> None:
    after = found(wire)
    for place, message in enumerate(after):
        made = {each.id for before in after[:place] for each in before.calls}
        assert {each.call_id for each in message.results} <= made


@every_wire
@providers
def test_starts_with_the_user(wire: Wire, model: str) -> None:
    first = next(message for message in found(wire, model=model) if message.role != "system")
    assert first.role == "user"
    assert first.text.startswith("Compare the modules.")


@every_wire
@providers
def test_ends_as_the_client_ended_it(wire: Wire, model: str) -> None:
    assert found(wire, model=model)[-1].role == "user"
    tail = [call("abc000099"), result("abc000099", "42")]
    done = wire.fit([*session(), *tail], LIMIT, model=model)
    assert [each.call_id for each in wire.read(done.request)[-1].results] == ["abc000099"]


@every_wire
def test_empty_content(wire: Wire) -> None:
    for message in found(wire):
        assert message.calls or message.text.strip()
        assert all(each.text.strip() for each in message.results)


def test_empty_content_null_stays_null_on_call_turns_of_chat() -> None:
    done = CHAT.fit(session(), LIMIT)
    assert all(message["content"] is None for message in done.request["messages"] if message.get("tool_calls"))


def test_reasoning_to_keep_reasoning_content_on_call_turns() -> None:
    before = {message["tool_calls"][0]["id"]: message.get("reasoning_content") for message in session() if message.get("tool_calls")}
    done = CHAT.fit(session(), 8_000, model="deepseek-chat")
    turns = [message for message in done.request["messages"] if message.get("tool_calls")]
    assert turns
    assert all(turn.get("reasoning_content") == before[turn["tool_calls"][0]["id"]] for turn in turns)


def test_reasoning_to_keep_thought_signatures_on_calls() -> None:
    history = session()
    for message in history:
        for made in message.get("tool_calls") or ():
            made["provider_specific_fields"] = {"thought_signature": made["id"]}
    done = CHAT.fit(history, LIMIT, model="gemini-3-pro-preview")
    calls = [made for message in done.request["messages"] for made in message.get("tool_calls") or ()]
    assert calls
    assert all(made["provider_specific_fields"] == {"thought_signature": made["id"]} for made in calls)


def test_reasoning_to_keep_thinking_with_its_signature() -> None:
    block = {"type": "thinking", "thinking": "hm", "signature": "EqQB"}
    history = [{**message, "thinking_blocks": [block]} if message["role"] == "assistant" else message for message in session()]
    done = ANTHROPIC.fit(history, LIMIT)
    turns = [message["content"] for message in done.request["messages"] if message["role"] == "assistant"]
    assert turns
    assert all(turn[0] == block for turn in turns)


def test_reasoning_to_keep_items_with_the_item_that_follows() -> None:
    assert RESPONSES.refusal(RESPONSES.fit(session(), LIMIT).request) == []


@pytest.mark.parametrize("role", ["system", "developer"])
@pytest.mark.parametrize("wire", [CHAT, RESPONSES], ids=lambda wire: wire.api)
def test_system_in_the_middle(wire: Wire, role: str) -> None:
    history = [*session()[:30], say(role, "Rule 8: be brief."), *session()[30:]]
    after = wire.read(wire.fit(history, LIMIT).request)
    assert [message.text for message in after if message.role in ("system", "developer")] == ["You are careful.", "Rule 8: be brief."]


def test_system_in_the_middle_of_anthropic_messages() -> None:
    request = ANTHROPIC.write(session())
    place = next(place for place, message in enumerate(request["messages"]) if place > 20 and message["role"] == "assistant")
    request["messages"].insert(place, say("system", "Rule 8: be brief."))
    done = fit(request, api="anthropic.messages", max_input_tokens=LIMIT)
    assert done.request["system"] == "You are careful."
    assert say("system", "Rule 8: be brief.") in done.request["messages"]
    assert not ANTHROPIC.refusal(done.request)


@every_wire
def test_ids_are_the_clients(wire: Wire) -> None:
    after = found(wire)
    ids = [made.id for message in after for made in message.calls] + [each.call_id for message in after for each in message.results]
    assert ids
    assert all(re.fullmatch(r"abc\d{5}[ab]", id_) for id_ in ids)


@every_wire
def test_size_besides_tokens_only_shrinks(wire: Wire) -> None:
    request = wire.write(agent(60))
    assert len(json.dumps(fit(request, api=wire.api, max_input_tokens=LIMIT).request)) < len(json.dumps(request))
