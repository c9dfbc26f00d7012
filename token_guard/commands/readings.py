"""What a text in JSON is: a chat request, or why it is none."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from token_guard.commands.inputs import request_in
from token_guard.counting.references import Reading
from token_guard.formats import Unreadable, format_for

__all__ = ["parsed", "reading"]

_LOOKS_LIKE_JSON = re.compile(r"\s*(?:\{\s*[\"}]|\[\s*[\[{\"\]])")

MORE_THAN_ONE = "Extra data"
"""What is wrong with a text of several JSON values, by the words of the json module: nothing."""


def reading(text: str) -> Reading:
    """The request in a text, with the model that it names.

    >>> reading('{"model": "gpt-4", "messages": [{"role": "user", "content": "Hi"}]}').model
    'gpt-4'
    >>> reading('{"messages": [').note
    'looks like JSON and is broken (line 1: Expecting value): counted as text'
    """
    if not _LOOKS_LIKE_JSON.match(text) or text.rstrip()[-1:].isalnum():
        return Reading()
    try:
        request = request_in(text, strict=True)
    except json.JSONDecodeError as error:
        broken = f"looks like JSON and is broken (line {error.lineno}: {error.msg}): counted as text"
        return Reading(note="" if error.msg == MORE_THAN_ONE else broken)
    return parsed(request) if request is not None else Reading()


def parsed(request: Mapping[str, Any]) -> Reading:
    """The same of a request that is no text any more."""
    format_ = format_for(None, request)
    conversation = format_.parse(request) if format_ is not None else Unreadable("unknown shape")
    if isinstance(conversation, Unreadable):
        return Reading(note=f"looks like a request and is none ({conversation.reason}): counted as text")
    model = request.get("model")
    return Reading(conversation, None if model is None else model if isinstance(model, str) else "")
