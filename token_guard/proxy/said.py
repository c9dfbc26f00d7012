"""What a provider said in an error: an exception's own text may be a bare number, while the words stand in what it holds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from token_guard.limits.overflows import Overflow, overflow_of, telling

__all__ = ["RATE_LIMITED", "overflow_in", "texts_of", "words_of"]

RATE_LIMITED: Final = 429
"""The status of refusals that speak of tokens by the minute."""

# Where servers put their words, whatever else stands beside them: OpenAI's and Anthropic's shapes, TGI's, FastAPI's, others'.
_WORDS: Final = ("message", "error", "detail", "details", "msg", "error_message", "errors", "reason")
# An exception that was raised while another was handled, and so on: litellm's own, the SDK's, the HTTP client's.
_DEEPEST: Final = 6
# A body of more levels than this is no error message.
_NESTING: Final = 4


def texts_of(error: BaseException) -> Iterator[str]:
    """All texts in which an exception may hold what the provider said, the nearest first; its causes' behind its own.

    >>> class Refused(Exception):
    ...     body = {"error": "Input validation error: `inputs` must have less than 4096 tokens."}
    >>> list(texts_of(Refused("Error code: 422")))[1]
    '{"error": "Input validation error: `inputs` must have less than 4096 tokens."}'
    """
    for one in _chain(error):
        held = (getattr(one, "message", None), getattr(one, "body", None), _response_text(one))
        for value in (str(one), *held):
            text = _as_text(value)
            if text:
                yield text


def words_of(error: BaseException) -> str:
    """The provider's own sentence; the exception's text where its body has none.

    >>> class Refused(Exception):
    ...     body = b'{"detail": [{"msg": "too long"}]}'
    >>> words_of(Refused("Error code: 422")), words_of(Refused()), words_of(ValueError("boom"))
    ('too long', 'too long', 'boom')
    """
    for one in _chain(error):
        for value in (getattr(one, "body", None), _response_text(one)):
            found = _sentence(_as_json(value))
            if found:
                return found
    return str(error)


def overflow_in(error: BaseException) -> Overflow | None:
    """What the provider said of the context window, read from the text that tells most; None when it is about something else."""
    if getattr(error, "status_code", None) == RATE_LIMITED:
        return None
    return telling(map(overflow_of, texts_of(error)))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception and those that it came from, as far as they belong to the same attempt.

    A fallback is tried while the error of the attempt before it is being handled, which therefore stands in the chain as well:
    litellm's own exceptions end an attempt, and are known by the provider that they name.
    """
    link: BaseException | None = error
    for depth in range(_DEEPEST):
        if link is None or (depth and hasattr(link, "llm_provider")):
            return
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _response_text(error: BaseException) -> Any:
    """The body of the HTTP response that an exception holds; None where there is none, or a stream that nobody has read."""
    try:
        return getattr(getattr(error, "response", None), "text", None)
    except Exception:  # HTTP clients raise classes of their own for a body that was not read
        return None


def _as_text(value: Any) -> str:
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode("utf-8", errors="replace")
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, (Mapping, list, tuple)) else ""


def _as_json(value: Any) -> Any:
    """The value, decoded where it is JSON as text."""
    if not isinstance(value, (str, bytes, bytearray)):
        return value
    text = _as_text(value)
    try:
        return json.loads(text)
    except ValueError:
        return text


def _sentence(value: Any, levels: int = _NESTING) -> str:
    """The first words in a decoded body."""
    if isinstance(value, str):
        return value.strip()
    if levels == 0:
        return ""
    if isinstance(value, Mapping):
        inside: Sequence[Any] = [value[name] for name in _WORDS if name in value]
    else:
        inside = value if isinstance(value, (list, tuple)) else ()
    return next(filter(None, (_sentence(each, levels - 1) for each in inside)), "")
