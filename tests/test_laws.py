"""Laws that hold for every request, whatever it is made of: a generator of its own makes them, from the shapes that broke compactors.

`LAW_CASES=50000` makes so many; without it as many as take a few seconds. Sessions that grow are a request a turn: 30,000 of them make
half a million. `benchmarks/fuzz.py` looks for such sessions by what code they reach.
"""

from __future__ import annotations

import copy
import json
import os
import random
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from anthropic_rules import anthropic_refusal
from gemini_chat import as_contents, gemini_refusal
from responses_rules import complaints

from token_guard import Guard, Settings
from token_guard.demo.openai_rules import shape_refusal
from token_guard.errors import ContextOverflowError

CASES = int(os.environ.get("LAW_CASES", "60"))
PNG = "data:image/png;base64," + "iVBORw0KGgoAAAANSUhEUgAAAoAAAAHgCAIAAAC6s0uz" * 8
WORDS = [
    "the",
    "order",
    "ships",
    "when",
    "page_4.md",
    "says",
    "so",
    "and",
    "get_user",
    "fails",
    "with",
    "code",
    "40412",
    "unless",
    "never",
    "must",
    "always",
    "file",
    "src/app.py",
    "json",
    "error",
]
ODD = (
    "",
    " ",
    "\n",
    "⟦compacted: x⟧",
    "\u2028",
    "```",
    "<task>",
    "Observation: 3",
    "yes, go on",
    "\x85",
    "[[",
    "日本語の文。",
    "{}",
    "[" * 60,
)


class Maker:
    """Requests out of one seed."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.calls = 0

    def text(self, most: int = 120) -> str:
        if self.dice.random() < 0.1:
            return self.dice.choice(ODD)
        words = self.dice.choices(WORDS, k=self.dice.randint(1, most))
        return self.dice.choice((" ", "\n", ", ", " | ")).join(words)

    def arguments(self) -> dict[str, Any]:
        return {"path": f"src/m{self.dice.randint(0, 9)}.py", **({"content": self.text(400)} if self.dice.random() < 0.4 else {})}

    def number(self) -> str:
        self.calls += 1
        return f"call_{self.calls}"

    def chat(self) -> dict[str, Any]:
        messages: list[dict[str, Any]] = []
        if self.dice.random() < 0.7:
            messages.append({"role": self.dice.choice(("system", "developer")), "content": self.text(30)})
        for _ in range(self.dice.randint(1, 14)):
            messages += self.chat_turn()
        if self.dice.random() < 0.8:
            messages.append({"role": "user", "content": self.content(), "x_vendor": {"keep": 1}})
        extra = {"response_format": {"type": "json_object"}} if self.dice.random() < 0.2 else {}
        return {"model": "gpt-4o", "messages": messages, "x_unknown": [1, {"a": None}], **extra}

    def content(self) -> Any:
        if self.dice.random() < 0.7:
            return self.text()
        parts: list[dict[str, Any]] = [{"type": "text", "text": self.text(40), "x": 1} for _ in range(self.dice.randint(1, 30))]
        if self.dice.random() < 0.5:
            parts.append({"type": "image_url", "image_url": {"url": PNG}})
        return parts

    def chat_turn(self) -> list[dict[str, Any]]:
        kind = self.dice.random()
        if kind < 0.3:
            return [{"role": "user", "content": self.content()}, {"role": "assistant", "content": self.text()}]
        if kind < 0.4:
            return [{"role": "user", "content": self.content()}]
        ids = [self.number() for _ in range(self.dice.randint(1, 3))]
        arguments = [json.dumps(self.arguments()) for _ in ids]
        functions = [
            {"id": one, "type": "function", "function": {"name": "edit", "arguments": told}}
            for one, told in zip(ids, arguments, strict=True)
        ]
        call = {"role": "assistant", "content": self.dice.choice((None, self.text(20))), "tool_calls": functions, "x_vendor": 2}
        results = [{"role": "tool", "tool_call_id": one, "content": self.text(300)} for one in ids]
        if self.dice.random() < 0.05:
            results = results[1:]
        return [call, *results]

    def responses(self) -> dict[str, Any]:
        items: list[dict[str, Any]] = [{"type": "message", "role": "user", "content": self.text()}]
        late: list[dict[str, Any]] = []
        for _ in range(self.dice.randint(1, 14)):
            one, kind = self.number(), self.dice.random()
            if kind < 0.2:
                asks = {"type": "mcp_approval_request", "id": one, "name": "pay", "arguments": "{}", "server_label": "s"}
                items.append(asks)
                late.append({"type": "mcp_approval_response", "approval_request_id": one, "approve": True})
            elif kind < 0.7:
                items.append({"type": "function_call", "call_id": one, "name": "edit", "arguments": json.dumps(self.arguments())})
                output = {"type": "function_call_output", "call_id": one, "output": self.text(300)}
                (late if self.dice.random() < 0.3 else items).append(output)
            else:
                items += [{"type": "message", "role": role, "content": self.text()} for role in ("user", "assistant")]
            while late and self.dice.random() < 0.5:
                items.append(late.pop(0))
        return {"model": "gpt-4o", "input": [*items, *late, {"type": "message", "role": "user", "content": self.text(20)}], "x": {"y": 1}}

    def anthropic(self) -> dict[str, Any]:
        messages: list[dict[str, Any]] = [{"role": "user", "content": self.text()}]
        for _ in range(self.dice.randint(1, 14)):
            ids = [self.number() for _ in range(self.dice.randint(1, 3))]
            uses = [{"type": "tool_use", "id": one, "name": "edit", "input": self.arguments(), "x": 1} for one in ids]
            results = [{"type": "tool_result", "tool_use_id": one, "content": self.text(300) or "x"} for one in ids]
            document = {
                "type": "document",
                "title": "t",
                "source": {"type": "text", "media_type": "text/plain", "data": self.text(80) or "x"},
            }
            more = [document] if self.dice.random() < 0.2 else []
            messages += [{"role": "assistant", "content": uses}, {"role": "user", "content": [*results, *more]}]
        messages += [{"role": "assistant", "content": "Done."}, {"role": "user", "content": self.text(20)}]
        return {"model": "claude-sonnet-4-5", "max_tokens": 200, "messages": messages, "x": 1}


MAKERS = {"openai.chat": Maker.chat, "openai.responses": Maker.responses, "anthropic.messages": Maker.anthropic}
FIELDS = {"openai.chat": "messages", "openai.responses": "input", "anthropic.messages": "messages"}


@pytest.fixture(scope="module")
def guard() -> Guard:
    return Guard(Settings())


def refusal(api: str, request: Any) -> str | None:
    """Why a provider that keeps to its published rules refuses a request."""
    if api == "openai.responses":
        return "; ".join(map(str, complaints(request["input"]))) or None
    found = shape_refusal(request) if api == "openai.chat" else anthropic_refusal(request)
    return None if found is None else str(found)


def check(guard: Guard, api: str, seed: int) -> None:
    maker = Maker(seed)
    request = MAKERS[api](maker)
    given = copy.deepcopy(request)
    cap = maker.dice.choice((150, 400, 900, 2_000, 6_000))
    try:
        fitted = guard.process(request, api=api, max_input_tokens=cap)
    except ContextOverflowError:
        assert request == given
        return
    assert request == given, "the input was changed"
    assert fitted.report.tokens_after <= cap
    if fitted.report.action == "none":
        assert fitted.request is request
        return
    assert refusal(api, given) is not None or refusal(api, fitted.request) is None
    again = Guard(Settings()).process(given, api=api, max_input_tokens=cap) if seed % 7 == 0 else fitted
    assert again.request == fitted.request, "another process decides otherwise"
    assert {key: value for key, value in fitted.request.items() if key != FIELDS[api]} == {
        key: value for key, value in given.items() if key != FIELDS[api]
    }
    vendor = sum("x_vendor" in wire for wire in fitted.request[FIELDS[api]])
    assert vendor == sum(wire.get("role") in ("user", "assistant") and "x_vendor" in wire for wire in fitted.request[FIELDS[api]])
    if "response_format" in given and "json" in json.dumps(given["messages"]).lower():
        assert "json" in json.dumps(fitted.request["messages"]).lower()
    once = fitted.request
    assert guard.process(once, api=api, max_input_tokens=cap).request is once, "not idempotent"


@pytest.mark.parametrize("api", MAKERS)
def test_the_laws_hold(guard: Guard, api: str) -> None:
    for seed in range(CASES // len(MAKERS)):
        check(guard, api, seed)


# -- sessions that grow ------------------------------------------------------------------------------------------------------

PARTED = (103_701, 108_098, 121_486)
"""Sessions in which a call of Responses that waited for its result went before that came."""


class Brief(Maker):
    """The same with short texts: of a million requests each is to take a millisecond."""

    def text(self, most: int = 120) -> str:
        return super().text(max(1, most // 6))

    def contents(self) -> dict[str, Any]:
        """A request to Gemini's own API: all its turns, in plain words."""
        said = [{"role": "user", "content": "Begin."}]
        turns = [message for _ in range(self.dice.randint(1, 14)) for message in self.chat_turn()]
        said += [{**message, "content": text if isinstance(text := message["content"], str) and text else "x"} for message in turns]
        return {"model": "gemini/gemini-2.0-flash", **as_contents(said)}


GROWING = {**MAKERS, "gemini.contents": Brief.contents}


def grown(api: str, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The requests that a session sends until it is this one: up to each thing that is not the model's own."""
    field = {**FIELDS, "gemini.contents": "contents"}[api]
    for end, wire in enumerate(request[field], 1):
        if wire.get("role") not in ("assistant", "model") and wire.get("type") != "function_call":
            yield {**request, field: request[field][:end]}


class Thrown(random.Random):
    """Dice whose throws are the bytes of an input, then zeros: what a fuzzer changes in these changes the request in one place."""

    def __init__(self, data: bytes) -> None:
        super().__init__(0)
        self.data, self.place = data, 0

    def getrandbits(self, k: int) -> int:
        size = (k + 7) // 8
        thrown, self.place = self.data[self.place : self.place + size].ljust(size, b"\0"), self.place + size
        return int.from_bytes(thrown, "big") >> (8 * size - k)

    def random(self) -> float:
        return self.getrandbits(8) / 256


def grows_by_bytes(guard: Guard, data: bytes) -> None:
    """The same laws for the session that some bytes stand for."""
    maker = Brief(0)
    maker.dice = Thrown(data[1:])
    grows(guard, tuple(GROWING)[data[0] % len(GROWING)] if data else "openai.chat", maker)


def grows(guard: Guard, api: str, maker: Brief) -> None:
    whole = GROWING[api](maker)
    given = copy.deepcopy(whole)
    cap = maker.dice.choice((150, 400, 900, 2_000, 6_000))
    told = gemini_refusal if api == "gemini.contents" else partial(refusal, api)
    for request in grown(api, whole):
        try:
            fitted = guard.process(request, api=api, max_input_tokens=cap)
        except ContextOverflowError:
            continue
        assert fitted.report.tokens_after <= cap
        assert fitted.request is request or told(request) or not told(fitted.request), "a rule is broken"
    assert whole == given, "the input was changed"


@pytest.mark.parametrize("api", GROWING)
def test_the_laws_hold_while_a_session_grows(guard: Guard, api: str) -> None:
    for seed in (*PARTED, *range(CASES // len(GROWING))):
        grows(guard, api, Brief(seed))


def test_the_laws_hold_of_what_bytes_stand_for(guard: Guard) -> None:
    dice = random.Random(7)
    for size in range(CASES):
        grows_by_bytes(guard, dice.randbytes(10 * size))
