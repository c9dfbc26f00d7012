"""What a request says beside its messages, wherever it says it: tools, formats, documents, and who cuts what is too long."""

from __future__ import annotations

import base64
import random
from typing import Any

import pytest
from pydantic import BaseModel

from token_guard.conversation import Conversation
from token_guard.counting import meter_for
from token_guard.formats import FORMATS

FIELDS = {f"field_{n}": {"type": "string", "description": f"what the ledger says of its line {n}"} for n in range(100)}
SCHEMA = {"type": "object", "properties": FIELDS}
FUNCTION = {"type": "function", "function": {"name": "op", "parameters": SCHEMA}}
FLAT = {"type": "function", "name": "op", "parameters": SCHEMA}
OWN = {"name": "op", "input_schema": SCHEMA}
DOCUMENTS = [{"text": "the ledger of the month " * 300}]
PICTURE = base64.b64encode(random.Random(1).randbytes(60_000)).decode()


def _tokens(api: str, **fields: Any) -> int:
    parsed = FORMATS[api].parse({"model": "gpt-4o", "messages": [], "input": "hi", **fields})
    assert isinstance(parsed, Conversation)
    return meter_for("gpt-4o").measure(parsed).tokens


@pytest.mark.parametrize(
    ("api", "fields"),
    [
        ("openai.chat", {"tools": (FUNCTION,)}),
        ("openai.chat", {"extra_body": {"tools": [FUNCTION]}}),
        ("openai.chat", {"extra_body": {"response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA}}}}),
        ("openai.chat", {"extra_body": {"chat_template_kwargs": {"documents": DOCUMENTS}}}),
        ("openai.chat", {"documents": DOCUMENTS}),
        ("openai.responses", {"extra_body": {"tools": [FLAT]}}),
        ("openai.responses", {"extra_body": {"text": {"format": {"type": "json_schema", "schema": SCHEMA}}}}),
        ("openai.responses", {"prompt": {"id": "pmpt_1", "variables": {"ledger": "the ledger of the month " * 300}}}),
        ("anthropic.messages", {"extra_body": {"tools": [OWN]}}),
        ("anthropic.messages", {"extra_body": {"output_format": {"type": "json_schema", "schema": SCHEMA}}}),
    ],
)
def test_it_counts_wherever_it_stands(api: str, fields: dict[str, Any]) -> None:
    assert _tokens(api, **fields) > 1_200


def test_a_class_counts_as_the_schema_that_is_made_of_it() -> None:
    class Claim(BaseModel):
        customer: str
        lines: list[int]

    as_schema = {"type": "json_schema", "json_schema": {"schema": Claim.model_json_schema()}}
    assert _tokens("openai.chat", response_format=Claim) == _tokens("openai.chat", response_format=as_schema)


def test_files_in_documents_and_in_the_providers_own_tools_are_no_text() -> None:
    mask = {"type": "image_generation", "input_image_mask": {"image_url": f"data:image/png;base64,{PICTURE}"}}
    assert _tokens("openai.responses", tools=[mask]) < 200
    assert _tokens("openai.chat", documents=[{"data": {"picture": PICTURE}}]) < 200


@pytest.mark.parametrize("images", [[PICTURE], [f"data:image/png;base64,{PICTURE}"]])
def test_images_that_are_strings_are_images(images: list[str]) -> None:
    assert _tokens("openai.chat", messages=[{"role": "user", "content": "What is it?", "images": images}]) < 2_000


def test_a_search_of_responses_loads_the_tools_that_it_names() -> None:
    waiting = {**FLAT, "defer_loading": True}
    found = {"type": "tool_search_output", "call_id": "c", "tools": [{"type": "tool_reference", "tool_name": "op"}]}
    asked = [{"role": "user", "content": "hi"}, {"type": "tool_search_call", "call_id": "c"}]
    assert _tokens("openai.responses", tools=[waiting], input=asked) < 300
    assert _tokens("openai.responses", tools=[waiting], input=[*asked, found]) > 1_200


@pytest.mark.parametrize("within", [lambda fields: fields, lambda fields: {"extra_body": fields}], ids=["beside", "extra_body"])
@pytest.mark.parametrize(
    ("api", "fields", "cut"),
    [
        ("openai.chat", {"truncate_prompt_tokens": -1}, True),
        ("openai.chat", {"truncate": 1_000}, True),
        ("openai.chat", {"truncate": None}, False),
        ("openai.chat", {"transforms": ["middle-out"]}, True),
        ("openai.chat", {"transforms": []}, False),
        ("openai.chat", {"plugins": [{"id": "context-compression"}]}, True),
        ("openai.chat", {"plugins": [{"id": "web"}]}, False),
        ("openai.chat", {"prompt_truncation": "AUTO"}, True),
        ("openai.responses", {"truncation": "auto"}, True),
        ("openai.responses", {"truncation": "disabled"}, False),
        ("anthropic.messages", {"context_management": {"edits": [{"type": "compact_20260112"}]}}, True),
        ("anthropic.messages", {"context_management": {"edits": [{"type": "clear_thinking_20251015"}]}}, False),
        ("openai.completions", {"truncate_prompt_tokens": 100}, True),
    ],
)
def test_who_lets_the_server_cut_is_known(api: str, fields: dict[str, Any], cut: bool, within: Any) -> None:
    head = FORMATS[api].head({"model": "m", "prompt": "hi", **within(fields)})
    assert isinstance(head, Conversation)
    assert head.provider_trims is cut
