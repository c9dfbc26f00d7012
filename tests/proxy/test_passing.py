"""Which bodies of pass-through routes ask a model for an answer."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from token_guard.proxy.passing import api_of

CHAT = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}


@pytest.mark.parametrize(
    ("route", "body", "api"),
    [
        ("/anthropic/v1/messages", CHAT, "anthropic.messages"),
        ("/openai/v1/chat/completions", CHAT, "openai.chat"),
        ("/openai/v1/chat/completions/", CHAT, "openai.chat"),
        ("/openai/v1/responses", {"model": "m", "input": "Hello"}, "openai.responses"),
        ("/openai/v1/completions", {"model": "m", "prompt": "Hello"}, "openai.completions"),
        ("/mine", CHAT, "openai.chat"),
        ("/mine", {**CHAT, "system": "Be brief."}, "anthropic.messages"),
        (None, CHAT, "openai.chat"),
    ],
)
def test_the_end_of_the_path_says_the_format_and_else_the_shape(route, body, api):
    assert api_of(body, route) == api


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("/anthropic/v1/messages/count_tokens", CHAT),
        ("/openai/v1/responses/input_tokens", {"model": "m", "input": "Hello"}),
        ("/openai/v1/embeddings", {"model": "m", "input": "Hello"}),
        ("/openai/v1/images/generations", {"model": "m", "prompt": "Hello"}),
        ("/openai/v1/audio/speech", {"model": "m", "input": "Hello"}),
        ("/anthropic/v1/messages/batches", {"requests": [CHAT]}),
        ("/bedrock/model/m/converse", {"messages": CHAT["messages"]}),
        ("/openai/v1/chat/completions", {"model": None, "messages": []}),
        ("/mine", {}),
    ],
)
def test_other_bodies_are_none_of_ours(route, body):
    assert api_of(body, route) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["role", "content", "type", "tools"]), inner, max_size=3),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.too_slow])  # the first text waits for a table of all characters
@given(st.dictionaries(st.sampled_from(["model", "messages", "tools", "system", "input"]), JSON, max_size=5))
def test_no_body_is_too_odd_to_be_looked_at(body):
    assert api_of({"model": "m", **body}, "/mine") in (None, "anthropic.messages", "openai.chat")
