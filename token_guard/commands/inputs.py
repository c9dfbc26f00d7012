"""What the commands read: text, template variables, chat requests in JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from token_guard.counting.references import DEFAULT_MODEL
from token_guard.errors import ModelNotSupportedError, TokenGuardError

__all__ = ["InputError", "is_request", "model_or", "read_text", "request_in", "variables"]


class InputError(TokenGuardError):
    """A command was handed something that it cannot read; the message is one line."""


def read_text(name: str) -> str:
    """The text of the file `name`, or of standard input for "-"; raises InputError."""
    try:
        content = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return content.decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{name}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: not text in UTF-8 (byte {error.start:,})") from None


def variables(assignments: Sequence[str]) -> dict[str, str]:
    """Template variables from `name=value` strings; raises InputError.

    >>> variables(["city=Oslo", "rule=a=b"])
    {'city': 'Oslo', 'rule': 'a=b'}
    """
    wrong = [text for text in assignments if not text.partition("=")[0] or "=" not in text]
    if wrong:
        raise InputError(f"--var {wrong[0]}: expected name=value")
    return dict(text.split("=", 1) for text in assignments)


def request_in(text: str, *, strict: bool = False) -> dict[str, Any] | None:
    r"""The chat request in a JSON text, a bare list of messages included; None when it holds none; `strict` raises JSONDecodeError.

    >>> request_in('[{"role": "user", "content": "Hi"}]')
    {'messages': [{'role': 'user', 'content': 'Hi'}]}
    >>> request_in('{"name": "a package"}') is None
    True
    """
    try:
        value = json.loads(text)
    except RecursionError:
        return None
    except json.JSONDecodeError:
        if strict:
            raise
        return None
    if isinstance(value, list) and value and all(isinstance(item, dict) and "role" in item for item in value):
        return {"messages": value}
    return value if isinstance(value, dict) and is_request(value) else None


def is_request(value: Mapping[str, Any]) -> bool:
    """Whether an object is a request in any format: a chat, or with a model's name a text, or what Responses and Gemini take.

    >>> is_request({"contents": [{"parts": [{"text": "Hi"}]}]}), is_request({"model": "gpt-4o", "input": "Hi"}), is_request({"input": "Hi"})
    (True, True, False)
    """
    if isinstance(value.get("messages"), list):
        return True
    contents = value.get("contents")
    if isinstance(contents, list) and contents and all(isinstance(item, dict) and "parts" in item for item in contents):
        return True
    return isinstance(value.get("model"), str) and any(isinstance(value.get(key), (str, list)) for key in ("input", "prompt"))


def model_or(model: str | None, request: Mapping[str, Any]) -> str:
    """The model given, else the one that the request names, else gpt-4o; raises ModelNotSupportedError for an empty name."""
    chosen = model if model is not None else request.get("model", DEFAULT_MODEL)
    if not isinstance(chosen, str) or not chosen.strip():
        raise ModelNotSupportedError("the model name is empty; name one, such as gpt-4o")
    return chosen
