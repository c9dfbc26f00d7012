from __future__ import annotations

import random
from typing import Any

import pytest
from counting_texts import generated, records, reference

from token_guard.conversation import Conversation, Media, Message, Omitted, Opaque, Part, Reasoning, Text, ToolCall, ToolResult
from token_guard.counting import Meter, meter_for
from token_guard.counting.cache import CountCache
from token_guard.counting.families import FAMILIES
from token_guard.counting.media import media_price_for
from token_guard.counting.tools import tool_price_for

TOOLS = [{"type": "function", "function": {"name": "ls", "parameters": {"type": "object", "properties": {"path": {"type": "string"}}}}}]


def fresh(model: str = "gpt-4o", family: str = "o200k_base") -> Meter:
    """A meter with an empty cache."""
    return Meter(FAMILIES[family], media_price_for(model), tool_price_for(model), CountCache())


def conversation(*texts: str, **rest: Any) -> Conversation:
    return Conversation("gpt-4o", tuple(Message("user", (Text(text),)) for text in texts), **rest)


def random_conversation(seed: int) -> Conversation:
    chance = random.Random(seed)
    words = list(generated(40, seed))
    parts: tuple[Part, ...] = (
        Text(words[0]),
        Reasoning(words[1]),
        ToolCall("1", "ls", words[2]),
        ToolResult("1", (Text(words[3]), Media("image", "https://example.com/a.png"), Opaque(words[4]))),
        Media("image", "https://example.com/b.png", detail="low"),
        Opaque(words[5]),
        Omitted(),
    )
    messages = tuple(Message("user", tuple(chance.choices(parts, k=chance.randint(0, 4))), name=chance.choice(("", "Ann"))) for _ in words)
    return Conversation("gpt-4o", messages, tools=TOOLS if seed % 2 else None)


def test_a_message_counts_by_the_published_formula() -> None:
    meter = meter_for("gpt-4o")
    assert meter.message(Message("user", (Text("hello world"),))) == 3 + 1 + 2
    assert meter.message(Message("user", (Text("hello world"),), name="Ann")) == 3 + 1 + 2 + 1 + reference("o200k_base")("Ann")
    assert meter.overhead(conversation("hello")) == 3


def test_parts_are_counted_with_the_breaks_between_them() -> None:
    meter = meter_for("gpt-4o")
    assert meter.message(Message("user", (Text("hello"), Text("world")))) == 3 + 1 + 1 + 1 + 1
    assert meter.message(Message("user", (Text("hello"), Omitted()))) == meter.message(Message("user", (Text("hello"),)))


def test_everything_that_costs_counts() -> None:
    meter = meter_for("gpt-4o")
    result, picture = ToolResult("1", (Text("a.py"),)), Media("image", "https://x/a.png")
    for part in (Reasoning("think"), ToolCall("1", "ls", "{}"), result, picture, Opaque("{}")):
        assert meter.message(Message("assistant", (part,))) > 4


def test_what_surrounds_messages_counts() -> None:
    meter = meter_for("gpt-4o")
    plain = meter.overhead(conversation("x"))
    with_tools = meter.overhead(conversation("x", tools=TOOLS))
    assert plain < with_tools < meter.overhead(conversation("x", tools=TOOLS, tool_choice={"type": "function", "function": {"name": "ls"}}))
    schema = {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}}
    assert meter.overhead(conversation("x", response_format=schema)) > plain
    assert meter.overhead(conversation("x", response_format={"type": "text"})) == plain


def test_a_document_is_looked_through_once() -> None:
    looked: list[Media] = []
    meter = Meter(FAMILIES["o200k_base"], lambda media: looked.append(media) or 7, tool_price_for("gpt-4o"), CountCache())
    assert [meter.media(Media("file", "data:application/pdf;base64,AAAA")) for _ in range(3)] == [7, 7, 7]
    assert len(looked) == 1


def test_values_that_are_no_json_do_not_break_the_overhead() -> None:
    assert fresh().overhead(conversation("x", tools=[object(), {"function": 3}, "ls", None])) > 3


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("family", ["o200k_base", "qwen", "claude-2"])
def test_a_measure_is_on_the_right_side_of_every_limit(seed: int, family: str) -> None:
    asked = random_conversation(seed)
    exact = fresh(family=family).measure(asked).tokens
    assert exact == fresh(family=family).overhead(asked) + fresh(family=family).messages(asked.messages)
    for limit in (0, exact // 2, exact - 1, exact, exact + 1, exact * 2, exact * 9):
        meter = fresh(family=family)
        for found in (meter.measure(asked, limit), meter.measure(asked, limit)):
            assert (exact <= found.tokens <= limit) if exact <= limit else (limit < found.tokens <= exact)


def test_the_cheapest_certain_answer_decides() -> None:
    meter, asked = fresh(), conversation(*("some words of a message " * 20 for _ in range(9)))
    exact = fresh().measure(asked).tokens
    assert meter.measure(asked, 100_000).decided_by == "bound"
    assert meter.measure(asked, exact).decided_by == "count"
    assert meter.measure(asked, exact).decided_by == "cache"
    assert meter.measure(asked).decided_by == "cache"


def test_what_is_called_a_count_is_one_and_a_bound_on_what_is_new_is_called_a_bound() -> None:
    old = [f"{number} some words of a message " * 40 for number in range(9)]
    whole, known = conversation(*old, "a new word"), conversation(*old)
    exact = fresh().measure(whole).tokens
    for limit in range(exact, 6 * exact, exact // 3):
        for meter in (fresh(), fresh()):
            meter.measure(known)
            found = meter.measure(whole, limit)
            assert found.decided_by == "bound" or found.tokens == exact
            assert fresh().measure(whole, limit).decided_by == "bound" or fresh().measure(whole, limit).tokens == exact


def test_over_the_limit_stops_counting() -> None:
    meter = fresh()
    texts = [f"{number} words and words and words" * 200 for number in range(50)]
    found = meter.measure(conversation(*texts), 2_000)
    assert 2_000 < found.tokens < fresh().measure(conversation(*texts)).tokens / 5


def test_no_generated_text_exceeds_its_bound() -> None:
    for family in ("o200k_base", "cl100k_base", "qwen", "claude-2", "llama2"):
        meter = fresh(family=family)
        for text in generated(2_000, seed=8):
            assert meter.text(text) <= meter._bound((text,))


def test_lone_surrogates_and_special_tokens_are_text() -> None:
    meter = meter_for("gpt-4o")
    assert meter.text("a\ud800b") == reference("o200k_base")("a\ufffdb")
    assert meter.text("<|endoftext|>") > 1


def test_meters_of_two_families_share_no_counts() -> None:
    text = "你好, Größe, 12345 " * 3
    assert meter_for("gpt-4").text(text) == reference("cl100k_base")(text)
    assert meter_for("gpt-4o").text(text) == reference("o200k_base")(text)


@pytest.mark.parametrize("name", ["tool_dialogues", "multilingual"])
def test_a_message_never_counts_less_than_its_joined_text(name: str) -> None:
    meter, count = meter_for("gpt-4o"), reference("o200k_base")
    for record in records(name):
        for wire in record["messages"]:
            functions = [call["function"] for call in wire.get("tool_calls") or ()]
            calls = tuple(ToolCall("", function["name"], function["arguments"]) for function in functions)
            content = wire.get("content") or ""
            joined = "\n".join((content, *(text for call in calls for text in (call.name, call.arguments))))
            assert meter.message(Message(wire["role"], (Text(content), *calls))) >= 4 + count(joined)
