"""Requests and settings that are made of anything: each request is answered or refused in words, each setting works or is named.

`FUZZ=100000` makes so many; without it as many as take a few seconds. `benchmarks/fuzz.py` looks for them by what code they reach. What
well-made requests have to hold is in test_laws.py.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest
from build import agent
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from token_guard import Guard, Settings
from token_guard.errors import ConfigError, ContextOverflowError
from token_guard.formats import FORMATS
from token_guard.report import Report

EXAMPLES: Final = int(os.environ.get("FUZZ", "30"))
OFTEN: Final = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
CAPS: Final = (40, 400, 6_000, None)
LONG: Final = "the ledger of module 7 says 12.50 euro; never delete it\n" * 60

# -- requests ------------------------------------------------------------------------------------------------------------

texts = st.text(max_size=20) | st.sampled_from(["", "\ud800", "\x00", "{", '{"a": 1}', "call_1", LONG, "data:image/png;base64,aGk="])
leaves = st.none() | st.booleans() | st.integers() | st.floats() | texts
trees = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=8)

TYPES = (
    *("text", "input_text", "output_text", "image_url", "input_image", "image", "tool_use", "tool_result", "thinking", "document", "file"),
    *("message", "function_call", "function_call_output", "reasoning", "custom_tool_call", "compaction", "item_reference", "refusal"),
)
KEYS = (
    *("text", "content", "role", "id", "call_id", "tool_use_id", "tool_call_id", "tool_calls", "function", "name", "input", "arguments"),
    *(
        "output",
        "source",
        "image_url",
        "thinking",
        "signature",
        "summary",
        "encrypted_content",
        "parts",
        "functionCall",
        "functionResponse",
    ),
    *("inlineData", "cache_control", "status", "url", "data", "media_type", "is_error", "provider_specific_fields", "reasoning_content"),
)
FIELDS = (
    *("messages", "system", "input", "instructions", "prompt", "contents", "systemInstruction", "config", "tools", "tool_choice"),
    *("response_format", "text", "max_tokens", "max_completion_tokens", "max_output_tokens", "thinking", "reasoning", "extra_body"),
    *("extra_headers", "documents", "context_management", "previous_response_id", "truncation", "num_ctx", "litellm_params", "metadata"),
)
"""Names that formats read, so that what stands under them is looked at."""

roles = st.sampled_from(["system", "developer", "user", "assistant", "tool", "function", "model", "critic"])


def block(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    named = st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    return st.builds(lambda kind, fields: {"type": kind, **fields}, st.sampled_from(TYPES), named) | named | st.lists(inner, max_size=3)


blocks = st.recursive(leaves, block, max_leaves=8)
content = texts | st.lists(blocks, max_size=3) | blocks
message = st.builds(
    lambda role, told, more: {"role": role, "content": told, **more},
    roles,
    content,
    st.dictionaries(st.sampled_from(KEYS), blocks, max_size=2),
)
history = st.lists(message | blocks, max_size=8)
requests = st.builds(
    lambda place, told, more: {"model": "gpt-4o", **more, place: told},
    st.sampled_from(["messages", "messages", "input", "contents", "prompt"]),
    history | content,
    st.dictionaries(st.sampled_from(FIELDS), blocks | trees, max_size=3),
)

GUARD = Guard(Settings(store="memory:"))


APIS: Final = (*FORMATS, None)
MODELS: Final = ("gpt-4o", "anthropic/claude-sonnet-4-5", "gemini/gemini-2.0-flash", "", "ollama/x")


@pytest.mark.parametrize("api", APIS)
def test_no_request_is_a_failure(api: str | None) -> None:
    any_request(api)()


def any_request(api: str | None) -> Callable[[], None]:
    """The test that any request of an API is answered or refused in words."""

    @OFTEN
    @given(requests, st.sampled_from(CAPS), st.sampled_from(MODELS))
    def holds(request: dict[str, Any], cap: int | None, model: str) -> None:
        request = {**request, "model": model}
        before = copy.deepcopy(request)
        try:
            fitted = GUARD.process(request, api=api, max_input_tokens=cap)
        except ContextOverflowError as refused:
            return is_arithmetic(refused)
        assert repr(request) == repr(before), "the client's request is its own"
        return told(request, fitted.request, fitted.report)

    return holds


def is_arithmetic(refused: ContextOverflowError) -> None:
    """A refusal says by how much it is one."""
    assert refused.tokens > refused.allowed


def told(request: Mapping[str, Any], forwarded: Mapping[str, Any], report: Report) -> None:
    """What holds of every request that goes on."""
    if report.action in ("none", "bypassed"):
        assert forwarded is request
    else:
        json.dumps(forwarded)
        assert forwarded.keys() >= request.keys() - {"max_tokens"}
    assert json.dumps(report.as_json())


# -- settings ------------------------------------------------------------------------------------------------------------

NUMBERS = st.sampled_from([0, 1, -1, 0.5, 1e9, 2**63, float("nan"), float("inf"), True, "7", "0.5", "many", "8k", "", None])
WORDS = st.sampled_from(
    ["off", "on", "no", "observe", "adaptive", "sliding_window", "fixed", "by_shape", "ahead", "overflow", "reject", "learn"]
)
HISTORY = agent(12)


def test_no_setting_is_a_failure(options: tuple[Any, ...]) -> None:
    any_settings(options)()


def any_settings(options: tuple[Any, ...]) -> Callable[[], None]:
    """The test that any settings work, or are named."""
    keys = st.sampled_from([option.key for option in options if option.key != "store"] + ["unknown", "mask.unknown", ""])

    @OFTEN
    @given(st.dictionaries(keys, NUMBERS | WORDS | trees, min_size=1, max_size=3))
    def holds(flat: dict[str, Any]) -> None:
        request = {"model": "gpt-4o", "messages": HISTORY}
        try:
            made = Settings.load(nested(flat))
            guard = Guard(made)
        except ConfigError as refused:
            return names_one_of(flat, str(refused))
        try:
            fitted = guard.process(request, max_input_tokens=3_000)
        except ContextOverflowError as refused:
            return is_arithmetic(refused)
        return told(request, fitted.request, fitted.report)

    return holds


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted keys as sections; a section that is given whole stands above."""
    found: dict[str, Any] = {}
    for key, value in sorted(flat.items(), reverse=True):
        section, dot, name = key.partition(".")
        if dot and isinstance(found.setdefault(section, {}), dict):
            found[section][name] = value
        elif not dot:
            found[key] = value
    return found


def names_one_of(flat: Mapping[str, Any], complaint: str) -> None:
    """A complaint is one line that names what was wrong."""
    assert len(complaint.splitlines()) == 1
    assert any(part in complaint for key in flat for part in (key, key.partition(".")[0], repr(key)))
