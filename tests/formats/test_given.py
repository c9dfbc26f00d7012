"""Messages that are objects are read like dictionaries and given back as they came, or refused in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest
from pydantic import BaseModel

from token_guard import TokenCounter, fit
from token_guard.errors import TokenCountError
from token_guard.guard import Guard
from token_guard.settings import Settings


class Function(BaseModel):
    name: str
    arguments: str


class Call(BaseModel):
    id: str
    function: Function
    type: str = "function"


class Said(BaseModel):
    role: str
    content: str | None = None
    tool_calls: list[Call] | None = None


@dataclass
class Note:
    role: str
    content: str
    extra: dict[str, Any] = field(default_factory=dict)


class Stranger:
    role = "user"


def _calls(number: int) -> list[Call]:
    return [Call(id=f"call_{number}", function=Function(name="read", arguments='{"path": "a.py"}'))]


def _history(call: Any) -> list[Any]:
    turns = ((call(n), {"role": "tool", "tool_call_id": f"call_{n}", "content": f"line {n} of the file\n" * 60}) for n in range(60))
    return [{"role": "user", "content": "Compare."}, *(one for turn in turns for one in turn), Note("user", "Which one fails?")]


@pytest.mark.parametrize(
    "call",
    [
        lambda n: Said(role="assistant", tool_calls=_calls(n)),
        lambda n: {"role": "assistant", "content": None, "tool_calls": _calls(n)},
        lambda n: {
            "role": "assistant",
            "tool_calls": [{"id": f"call_{n}", "type": "function", "function": {"name": "read", "arguments": {"path": "a.py"}}}],
        },
    ],
    ids=["messages", "calls inside of dictionaries", "arguments as an object"],
)
def test_a_history_with_objects_is_compacted_and_what_stays_is_the_very_object(call: Any) -> None:
    history = _history(call)
    done = fit({"model": "gpt-4o", "messages": history}, max_input_tokens=8_000)
    assert done.report.action == "compacted"
    assert done.request["messages"][-1] is history[-1]
    kept = [message for message in done.request["messages"] if any(message is one for one in history)]
    assert len(kept) > 3


def test_objects_that_fit_pass_as_the_very_request() -> None:
    request = {"model": "gpt-4o", "messages": [Note("user", "hi"), Said(role="assistant", content="Hello.")]}
    done = fit(request)
    assert done.request is request
    assert done.report.action == "none"
    assert 0 < done.report.tokens_before < 100


def test_a_message_that_cannot_be_read_is_a_type_error_that_says_what_to_do() -> None:
    with pytest.raises(TypeError, match=r"messages\[1\] is or holds a Stranger.*model_dump"):
        fit({"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}, Stranger()]})


def test_an_unknown_format_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'openai' is none of the formats: .*openai\.chat"):
        Guard(Settings()).process({"messages": []}, api="openai")


@pytest.mark.parametrize("mode", ["enforce", "observe", "off"])
def test_no_mode_passes_an_unknown_format_by(mode: str) -> None:
    with pytest.raises(ValueError, match="none of the formats"):
        Guard(Settings()).process({"messages": []}, api="anthropic", mode=mode)


def test_a_request_that_is_an_object_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(TypeError, match="not Said: "):
        fit(Said(role="user"))  # type: ignore[arg-type]


def test_a_counter_reads_objects_as_it_reads_dictionaries() -> None:
    objects = [Note("user", "hi"), Said(role="assistant", tool_calls=_calls(1)), {"role": "assistant", "tool_calls": _calls(2)}]
    plain = [
        {"role": "user", "content": "hi", "extra": {}},
        *(
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": f"call_{n}", "type": "function", "function": {"name": "read", "arguments": '{"path": "a.py"}'}}],
            }
            for n in (1, 2)
        ),
    ]
    counter = TokenCounter("gpt-4o")
    assert counter.count_tokens_messages(objects) == counter.count_tokens_messages(plain)
    with pytest.raises(TokenCountError, match=r"messages\[0\] is or holds a Stranger"):
        counter.count_tokens_messages([Stranger()])


class Block(BaseModel):
    type: str
    text: str | None = None
    id: str | None = None
    name: str | None = None
    input: dict[str, str] | None = None


class Turn(BaseModel):
    role: str
    content: list[Block]


def _turn(number: int) -> list[Block]:
    return [Block(type="text", text="Look."), Block(type="tool_use", id=f"toolu_{number}", name="read", input={"path": "a.py"})]


@pytest.mark.parametrize(
    "turn",
    [lambda n: Turn(role="assistant", content=_turn(n)), lambda n: {"role": "assistant", "content": _turn(n)}],
    ids=["messages", "blocks inside of dictionaries"],
)
def test_objects_of_anthropic_stay_whole_and_in_their_order(turn: Any) -> None:
    def result(number: int) -> dict[str, Any]:
        return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": f"toolu_{number}", "content": f"line {number}\n" * 60}]}

    history = [{"role": "user", "content": "Compare."}, *(one for n in range(60) for one in (turn(n), result(n)))]
    system = [Block(type="text", text="Be brief.")]
    request = {"model": "claude-sonnet-4-5", "max_tokens": 100, "system": system, "messages": history}
    done = fit(request, api="anthropic.messages", max_input_tokens=6_000)
    assert done.report.action == "compacted"
    assert done.request["system"] is system
    kept = [message for message in done.request["messages"] if any(message is one for one in history)]
    assert any(message is turn_ for message in kept for turn_ in history[1::2])
    roles = [message.role if isinstance(message, Turn) else message["role"] for message in done.request["messages"]]
    assert roles.count("assistant") >= 5


class Named(NamedTuple):
    role: str
    content: str


def test_a_tuple_with_names_is_a_type_error() -> None:
    with pytest.raises(TypeError, match=r"messages\[0\] is or holds a Named"):
        fit({"model": "gpt-4o", "messages": [Named("user", "hi")]})
