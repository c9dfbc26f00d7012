"""Counting speed: litellm.token_counter, tiktoken and token_guard side by side in one process.

Run by hand: `python benchmarks/count.py [--engine tiktoken] [--rounds 11]`. Rounds are interleaved, figures are medians;
a case's ratio is litellm's time over ours. Every round counts text that no round before it has seen.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sysconfig
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

from token_guard import Guard, Settings
from token_guard.conversation import Conversation, Message, Text, ToolCall, ToolResult
from token_guard.counting import Meter, TokenCounter, meter_for
from token_guard.counting.encodings import ENCODINGS, ranks

MODEL = "gpt-4o"
MESSAGES = 200
CHARACTERS = 2_000
"""Of a message: gives 200 messages of about 107k tokens."""

CHATS = 50

PLAIN = 0.7
"""Share of passages that are not wrapped in JSON."""

Job = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to time: `prepare` makes fresh inputs, and the three ways to count them."""

    name: str
    prepare: Callable[[], tuple[Job, Job, Job]]


class Texts:
    """Endless real text: random passages of the standard library's own sources, as they are and as JSON."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        files = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
        self._source = "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in files)

    def passage(self, size: int) -> str:
        start = self._random.randrange(len(self._source) - size)
        text = self._source[start : start + size]
        plain = self._random.random() < PLAIN
        return text if plain else json.dumps([{"line": place, "text": line} for place, line in enumerate(text.splitlines())])


def conversation_of(messages: list[dict[str, Any]]) -> Conversation:
    return Conversation(MODEL, tuple(map(_message, messages)))


def _message(wire: dict[str, Any]) -> Message:
    if wire["role"] == "tool":
        return Message("tool", (ToolResult(wire["tool_call_id"], (Text(wire["content"]),)),))
    calls = tuple(ToolCall(call["id"], call["function"]["name"], call["function"]["arguments"]) for call in wire.get("tool_calls", ()))
    return Message(wire["role"], (*((Text(wire["content"]),) if wire["content"] else ()), *calls))


def history(texts: Texts, count: int) -> list[dict[str, Any]]:
    return [turn for place in range(count // 2) for turn in _exchange(texts, place)][:count]


def _exchange(texts: Texts, place: int) -> Iterator[dict[str, Any]]:
    if place % 2:
        yield {"role": "user", "content": texts.passage(CHARACTERS)}
        yield {"role": "assistant", "content": texts.passage(CHARACTERS)}
        return
    call = {"id": f"call_{place}", "type": "function", "function": {"name": "read", "arguments": json.dumps({"path": f"src/{place}.py"})}}
    yield {"role": "assistant", "content": texts.passage(CHARACTERS // 2), "tool_calls": [call]}
    yield {"role": "tool", "tool_call_id": call["id"], "content": texts.passage(CHARACTERS)}


def fresh(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same messages as new objects, as they come out of a request's body: no string has its hash cached."""
    return json.loads(json.dumps(messages))  # type: ignore[no-any-return]


def cases(texts: Texts, meter: Meter) -> Iterator[Case]:
    counter = TokenCounter(MODEL)

    def compare(messages: list[dict[str, Any]], ours: Callable[[Conversation], object]) -> tuple[Job, Job, Job]:
        first, second, third = fresh(messages), fresh(messages), conversation_of(fresh(messages))
        return lambda: _litellm(first), lambda: _tiktoken(second), lambda: ours(third)

    def warmed(limit: int | None, new: int = 0) -> tuple[Job, Job, Job]:
        messages = history(texts, MESSAGES)
        meter.measure(conversation_of(messages[: MESSAGES - new]))
        return compare(messages, partial(meter.measure, limit=limit))

    yield Case("200 messages, cold, exact", lambda: compare(history(texts, MESSAGES), meter.measure))
    yield Case("next turn, 2 new messages counted", lambda: warmed(None, new=2))
    yield Case("fits 128k, warm", lambda: warmed(128_000))
    yield Case("by bound alone", lambda: compare(history(texts, MESSAGES), partial(meter.measure, limit=1_000_000)))
    yield Case("over 32k, cold, stops early", lambda: compare(history(texts, MESSAGES), partial(meter.measure, limit=32_000)))
    yield Case(
        "50 chats of 2 messages", lambda: _each([compare(_chat(texts), partial(meter.measure, limit=128_000)) for _ in range(CHATS)])
    )
    yield Case("50 chats of 2 messages, exact", lambda: _each([compare(_chat(texts), meter.measure) for _ in range(CHATS)]))
    guard = Guard(Settings(store="memory:"))
    yield Case("50 chats, Guard.process", lambda: _each([_whole(texts, guard.process) for _ in range(CHATS)]))
    yield Case(
        "50 chats, TokenCounter",
        lambda: _each([_whole(texts, lambda chat: counter.count_tokens_messages(chat["messages"])) for _ in range(CHATS)]),
    )
    yield Case("one fresh text of 400 KB", lambda: _one_text(texts, counter))


def _each(jobs: list[tuple[Job, Job, Job]]) -> tuple[Job, Job, Job]:
    """All jobs of a kind one after the other: a single one of a few microseconds measures the clock."""
    kinds = [[job[kind] for job in jobs] for kind in range(3)]
    return tuple(partial(_run, kind) for kind in kinds)  # type: ignore[return-value]


def _run(jobs: list[Job]) -> None:
    for job in jobs:
        job()


def _chat(texts: Texts) -> list[dict[str, Any]]:
    return [{"role": "system", "content": texts.passage(250)}, {"role": "user", "content": texts.passage(250)}]


def _whole(texts: Texts, ours: Callable[[dict[str, Any]], object]) -> tuple[Job, Job, Job]:
    """The same as a client's request, which nobody has read."""
    first, second, third = (fresh(chat) for chat in (_chat(texts),) * 3)
    return lambda: _litellm(first), lambda: _tiktoken(second), lambda: ours({"model": MODEL, "messages": third})


def _one_text(texts: Texts, counter: TokenCounter) -> tuple[Job, Job, Job]:
    text = "\n".join(texts.passage(4_000) for _ in range(100))[:400_000]
    return lambda: _litellm([{"role": "user", "content": text}]), lambda: len(_reference(text)), lambda: counter.count_tokens(text)


def _litellm(messages: list[dict[str, Any]]) -> int:
    return litellm.token_counter(model=MODEL, messages=messages)


def _tiktoken(messages: list[dict[str, Any]]) -> int:
    return sum(len(_reference(message["content"])) for message in messages)


def measure(case: Case, rounds: int) -> tuple[float, float, float]:
    """Median seconds of litellm, tiktoken and ours, one of each a round."""
    rows = [tuple(map(_seconds, case.prepare())) for _ in range(rounds)]
    return tuple(statistics.median(column) for column in zip(*rows, strict=True))  # type: ignore[return-value]


def _seconds(job: Job) -> float:
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--engine", choices=("fastest", "tiktoken"), default="fastest")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.engine == "tiktoken":
        engines.FAST = ()  # type: ignore[assignment]
    meter, texts = meter_for(MODEL), Texts(seed=1)
    engine = meter.warm_up()
    _litellm([{"role": "user", "content": "warm"}])
    for case in cases(texts, meter):  # a round of each, so that every code path and cache has been used
        measure(case, 2)
    results = {case.name: measure(case, options.rounds) for case in cases(texts, meter)}
    print(json.dumps(results) if options.json else table(engine, results))


def table(engine: str, results: dict[str, tuple[float, float, float]]) -> str:
    head = f"engine: {engine}\n{'case':<36}{'litellm ms':>12}{'tiktoken ms':>12}{'ours ms':>10}{'ratio':>8}"
    rows = (f"{name:<36}{a * 1e3:>12.3f}{b * 1e3:>12.3f}{c * 1e3:>10.3f}{a / c:>8.1f}" for name, (a, b, c) in results.items())
    return "\n".join((head, *rows))


if __name__ == "__main__":
    import litellm
    import tiktoken

    from token_guard.counting import engines

    _reference = tiktoken.Encoding(
        "o200k_base", pat_str=ENCODINGS["o200k_base"].pattern, mergeable_ranks=ranks("o200k_base"), special_tokens={}
    ).encode_ordinary
    main()
