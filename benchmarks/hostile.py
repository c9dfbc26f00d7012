"""Requests that are meant to stop whoever reads them: one kind of size each, far beyond what a client sends."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, TypeAlias

__all__ = ["KINDS", "TEXTS", "Hostile"]

Wire: TypeAlias = dict[str, Any]

MODEL = "gpt-4o"
CHAT, ANTHROPIC = "openai.chat", "anthropic.messages"
LONG = 5_000_000
"""Characters of what is a single text."""

PROSE = "the a order page_4.md ships when it says so and get_user fails with code 40412 unless src/app.py is never read."
BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


@dataclass(frozen=True, slots=True)
class Hostile:
    """One kind: its format, and what makes its request at a share of its full size."""

    api: str
    build: Callable[[float], Wire]


def prose(chars: int) -> str:
    """Sentences in lines of about 120 characters, seeded."""
    dice, lines, made = Random(chars), [], 0
    while made < chars:
        lines.append(" ".join(dice.choices(PROSE.split(), k=20)))
        made += len(lines[-1]) + 1
    return "\n".join(lines)[:chars]


def base64(chars: int) -> str:
    """One word without an end."""
    return "".join(Random(chars).choices(BASE64, k=chars))


TEXTS: Mapping[str, Callable[[int], str]] = {
    "prose": prose,
    "one line of prose": lambda chars: prose(chars).replace("\n", " "),
    "one letter": lambda chars: "a" * chars,
    "base64": base64,
    "newlines": lambda chars: "\n" * chars,
    "spaces": lambda chars: " " * chars,
}
"""What a single text is made of."""


def say(role: str, content: Any) -> Wire:
    """A message of a chat."""
    return {"role": role, "content": content}


def asked(*messages: Wire) -> Wire:
    """A chat of these messages that ends in a question."""
    return {"model": MODEL, "messages": [*messages, say("assistant", "I see."), say("user", "What is the code of the order?")]}


def of_call(arguments: str, output: str) -> Wire:
    """A chat with one call and its result."""
    function = {"name": "read", "arguments": arguments}
    call = {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "type": "function", "function": function}]}
    return asked(say("user", "Read the page."), call, {"role": "tool", "tool_call_id": "c1", "content": output})


def of_many_results(results: int) -> Wire:
    """A dialogue with Claude whose one turn calls so many tools."""
    uses = [{"type": "tool_use", "id": f"t{place}", "name": "read", "input": {"page": place}} for place in range(results)]
    answers = [{"type": "tool_result", "tool_use_id": f"t{place}", "content": f"page {place} says 404{place}"} for place in range(results)]
    turns = [say("user", "Read all."), say("assistant", uses), say("user", answers), say("assistant", "Done."), say("user", "And now?")]
    return {"model": "claude-sonnet-4-5", "max_tokens": 200, "messages": turns}


def of_deep_arguments(depth: int) -> Wire:
    """Arguments as a model writes them that is stuck in a loop."""
    return of_call('{"a":' * depth + "1" + "}" * depth, prose(40_000))


def of_tools(tools: int) -> Wire:
    """A chat with so many tools, each with a described field."""
    field = {"type": "object", "properties": {"path": {"type": "string", "description": prose(400)}}}
    found = [
        {"type": "function", "function": {"name": f"tool_{place}", "description": prose(600), "parameters": field}}
        for place in range(tools)
    ]
    return {**asked(say("user", prose(40_000))), "tools": found}


KINDS: Mapping[str, Hostile] = {
    **{
        f"a text of 5 MB: {name}": Hostile(CHAT, lambda share, of=of: asked(say("user", of(int(share * LONG)))))
        for name, of in TEXTS.items()
    },
    **{f"a result of 5 MB: {name}": Hostile(CHAT, lambda share, of=of: of_call("{}", of(int(share * LONG)))) for name, of in TEXTS.items()},
    **{
        f"arguments of 5 MB: {name}": Hostile(CHAT, lambda share, of=of: of_call(json.dumps({"text": of(int(share * LONG))}), "ok"))
        for name, of in TEXTS.items()
    },
    "a result of 5 MB: JSON": Hostile(
        CHAT, lambda share: of_call("{}", json.dumps([{"id": place, "name": f"user_{place}"} for place in range(int(share * LONG / 36))]))
    ),
    "20,000 messages": Hostile(
        CHAT, lambda share: asked(*(say(role, f"page {n}") for n in range(int(share * 10_000)) for role in ("user", "assistant")))
    ),
    "10,000 empty parts": Hostile(CHAT, lambda share: asked(say("user", [{} for _ in range(int(share * 10_000))]))),
    "10,000 letters as parts": Hostile(
        CHAT, lambda share: asked(say("user", [{"type": "text", "text": "a"} for _ in range(int(share * 10_000))]))
    ),
    "10,000 results in one message": Hostile(ANTHROPIC, lambda share: of_many_results(int(share * 10_000))),
    "arguments 10,000 deep": Hostile(CHAT, lambda share: of_deep_arguments(int(share * 10_000))),
    "330 tools": Hostile(CHAT, lambda share: of_tools(int(share * 330))),
    "a model name of 300 kB": Hostile(CHAT, lambda share: {**asked(say("user", prose(40_000))), "model": "m/" * int(share * 150_000)}),
}
"""By name; each takes the share of its size that is wanted."""
