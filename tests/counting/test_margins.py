"""On recorded conversations, the margin of each family covers what its own vocabulary counts: 99 of 100 texts, and every session."""

from __future__ import annotations

import functools
import importlib
import importlib.util
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from token_guard.conversation import Conversation, Opaque, Reasoning, Text, ToolCall, ToolResult
from token_guard.counting import meter_for, own_meter_for
from token_guard.counting.families import family_of
from token_guard.formats import format_for

FILES = ("agent_sessions", "coding_agents", "long_dialogues_qa", "multilingual", "tool_dialogues")
A_SESSION = 8
"""Texts of a session that are counted, evenly taken: some 1,400 in all."""

SHORTEST, LONGEST = 20, 6_000
"""Characters of a text that is taken: below, a single token decides."""

VOCABULARIES = {
    "llama-3.3": "llama3",
    "llama-2": "llama2",
    "mixtral": "mistral_v1",
    "mistral-large": "mistral_v3",
    "deepseek-chat": "deepseek_v3",
    "qwen-max": "qwen3",
    "glm-4.6": "glm4",
    "kimi-k2": "kimi_k2",
    "kimi-k3": "kimi_k3",
    "mistral-7b": "mistral_v2",
    "gemma-2-9b": "gemma2",
    "phi-4": "phi4",
    "olmo-2": "olmo2",
    "gpt-oss-120b": "gpt-oss",
    "baichuan-m2": "baichuan_m2",
}
"""Models of each family, and what splintr calls their vocabularies."""

OWN = ("claude-opus-4-5", "claude-opus-4-8", "gemini-2.5-pro")
"""A model of each family whose vocabulary an extra brings."""

SLOW = 5
"""Of the texts for Claude every so many-th is counted: ctok takes seconds for a megabyte."""

Load = Callable[[str], tuple[dict[str, Any], ...]]
Counter = Callable[[str], int]


def _texts(conversation: dict[str, Any]) -> Iterator[str]:
    chat = format_for("openai.chat", conversation)
    parsed = chat.parse({"model": "gpt-4o", "messages": conversation["messages"]}) if chat else None
    assert isinstance(parsed, Conversation)
    for part in (part for message in parsed.messages for part in message.parts):
        match part:
            case Text() | Reasoning() | Opaque():
                yield part.text
            case ToolCall():
                yield part.arguments
            case ToolResult():
                yield from (one.text for one in part.content if isinstance(one, Text))


@pytest.fixture(scope="module")
def sessions(corpus: Load) -> list[list[str]]:
    found = ([text for text in _texts(one) if SHORTEST <= len(text) <= LONGEST] for name in FILES for one in corpus(name))
    return [texts[:: max(1, len(texts) // A_SESSION)] for texts in found if texts]


def _covers(model: str, own: Counter, sessions: Iterable[list[str]]) -> None:
    margin, estimate = family_of(model).safe_factor, meter_for(model).text
    counted = [[(own(text), estimate(text) * margin) for text in texts] for texts in sessions]
    texts = [pair for session in counted for pair in session]
    assert sum(true > most for true, most in texts) <= len(texts) / 100
    assert all(sum(true for true, _ in session) <= sum(most for _, most in session) for session in counted)


@functools.cache
def _splintr(name: str) -> Counter:
    if importlib.util.find_spec("splintr") is None:
        pytest.skip("splintr-rs is not installed: the extra gemini")
    encode = importlib.import_module("splintr").Tokenizer.from_pretrained(name).encode_ordinary
    return lambda text: len(encode(text))


@pytest.mark.parametrize(("model", "vocabulary"), VOCABULARIES.items())
def test_a_familys_margin_covers_its_own_vocabulary(model: str, vocabulary: str, sessions: list[list[str]]) -> None:
    _covers(model, _splintr(vocabulary), sessions)


@pytest.mark.parametrize("model", OWN)
def test_the_margin_covers_the_vocabulary_that_an_extra_brings(model: str, sessions: list[list[str]]) -> None:
    own = own_meter_for(model)
    if own is None:
        pytest.skip("the package of the vocabulary is not installed: the extras claude (from Python 3.12 on) and gemini")
    _covers(model, own.text, [texts[::SLOW] for texts in sessions] if model.startswith("claude") else sessions)
