"""Shapes on which compactors break in practice: each fits, stays valid, and keeps instructions and the last question."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from build import agent, answer, call, listing, parsed, result, say

from token_guard import fit
from token_guard.counting import meter_for
from token_guard.demo.openai_rules import shape_refusal
from token_guard.errors import ContextOverflowError

LIMIT = 24_000
SYSTEM, ASK = "Rule 7: never delete data.", "Which handler fails, and why?"
PNG = "data:image/png;base64," + "iVBORw0KGgoAAAANSUhEUgAAAoAAAAHgCAIAAAC6s0uzAAAA" * 40

Messages = list[dict[str, Any]]


def long(turns: int = 90) -> Messages:
    """About 160k tokens: a system prompt, a task, many calls with their outputs."""
    return agent(turns, lines=80, system=SYSTEM)


def asked(messages: Messages) -> Messages:
    return [*messages, answer("I looked at all of them."), say("user", ASK)]


def as_parts(messages: Messages) -> Messages:
    return [
        {**message, "content": [{"type": "text", "text": message["content"]}]} if message["content"] else message for message in messages
    ]


def parallel() -> Messages:
    both = call("p1", path="a.py")
    both["tool_calls"].append(call("p2", path="b.py")["tool_calls"][0])
    return [say("user", ASK), both, result("p1", listing(1, 60)), result("p2", listing(2, 60))]


def thinking(messages: Messages) -> Messages:
    block = {"thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "sig"}], "reasoning_content": "hm"}
    return [{**message, **block} if message["role"] == "assistant" and message.get("tool_calls") else message for message in messages]


def bulky_arguments() -> Messages:
    writes = [
        turn
        for number in range(60)
        for turn in (call(f"w{number}", "write", path=f"{number}.py", text=listing(number, 80)), result(f"w{number}", "ok"))
    ]
    return asked([say("system", SYSTEM), say("user", "Write the modules."), *writes])


def chinese() -> Messages:
    text = "\n".join(f"第{number}行：处理订单时发生超时，请检查数据库连接池的配置是否正确。" for number in range(120))
    return asked(
        [turn if turn["role"] != "tool" else {**turn, "content": f"{turn['tool_call_id']} {text}"} for turn in agent(30, system=SYSTEM)]
    )


SHAPES: dict[str, Callable[[], Messages]] = {
    "content null on call turns": lambda: asked(long()),
    "list content, list system": lambda: asked(as_parts(long())),
    "system message in the middle": lambda: asked([*long(40), say("system", "Rule 8: be brief."), *long(50)[2:]]),
    "developer role": lambda: asked([{**long()[0], "role": "developer"}, *long()[1:]]),
    "image in history": lambda: asked(
        [
            *long(40),
            answer(),
            say("user", [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": PNG}}]),
            *long(50)[2:],
        ]
    ),
    "ends in two parallel results": lambda: [*long(), answer("Next."), *parallel()],
    "last tool alone too long": lambda: [*long(20), answer("Next."), say("user", ASK), call("big"), result("big", listing(7, 9_000))],
    "bulk in tool arguments": bulky_arguments,
    "assistant prefill at the end": lambda: [*asked(long()), answer("The handler that fails is")],
    "one user turn, 50 calls": lambda: [say("system", SYSTEM), say("user", ASK), *agent(50, lines=130)[2:]],
    "thinking and reasoning_content": lambda: asked(thinking(long())),
    "chinese tool output": chinese,
    "orphan already in the input": lambda: asked([*long(40), result("nobody", listing(5, 40)), *long(20)[2:]]),
}


def fitted(messages: Messages) -> Messages:
    return list(fit({"model": "gpt-4o", "messages": messages}, max_input_tokens=LIMIT).request["messages"])


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_it_fits_is_valid_and_keeps_what_must_stay(shape: Callable[[], Messages]) -> None:
    messages = shape()
    before = json.dumps(messages)
    out = fitted(messages)
    meter = meter_for("gpt-4o")
    assert meter.messages(parsed(messages)) > LIMIT
    assert meter.messages(parsed(out)) + 3 <= LIMIT
    assert shape_refusal({"messages": out}) is None
    assert [message for message in out if message["role"] in ("system", "developer")] == [
        message for message in messages if message["role"] in ("system", "developer")
    ]
    assert ASK in json.dumps(out)
    assert out[-1]["role"] == messages[-1]["role"]
    assert json.dumps(messages) == before


def test_a_last_user_message_that_is_too_long_alone_is_cut_visibly() -> None:
    out = fitted([*long(20), answer("Next."), say("user", f"{ASK}\n{listing(3, 9_000)}\n{ASK}")])
    assert "omitted here" in out[-1]["content"]
    assert out[-1]["content"].startswith(ASK)
    assert out[-1]["content"].endswith(ASK)


def test_a_system_prompt_that_is_too_long_alone_is_refused_with_the_arithmetic() -> None:
    with pytest.raises(ContextOverflowError, match=r"system 1\d\d,\d{3}") as caught:
        fitted([say("system", listing(3, 6_000)), *long(20)[1:], answer("Next."), say("user", ASK)])
    assert caught.value.parts["system"] > LIMIT
