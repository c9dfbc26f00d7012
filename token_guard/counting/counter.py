"""Counting for people: texts, OpenAI message lists and rough sizes by model name."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from token_guard.conversation import Media
from token_guard.counting.meter import Meter
from token_guard.counting.meters import meter_for
from token_guard.errors import ModelNotSupportedError, TokenCountError

__all__ = ["TokenCounter"]

TOKENS_PER_MESSAGE = 3
TOKENS_PER_NAME = 1
REPLY_PRIMING = 3
"""All three from OpenAI's cookbook, How_to_count_tokens_with_tiktoken, for every model since gpt-3.5-turbo-0613."""

ROLES = ("system", "developer", "user", "assistant", "tool")

ROLE_AND_CONTENT = 2
"""Fields of a plain message."""

DEFAULT_COMPLETION = 4_096
"""Reply length of a model whose limit source names none: what OpenAI's chat models had before they stated one."""


class TokenCounter:
    """Counts tokens for one model.

    >>> TokenCounter("gpt-4o").count_tokens("hello world")
    2
    """

    __slots__ = ("_meter", "_roles", "model")

    def __init__(self, model: str = "gpt-4o-mini") -> None:
        if not isinstance(model, str) or not model.strip():
            raise ModelNotSupportedError(f"a model name is a non-empty string, not {model!r}")
        self.model = model
        self._meter: Meter = meter_for(model)
        self._roles: dict[str, int] = {}
        """What a plain message of a role counts beside its content; found once, so that a short chat counts two texts and not four."""

    def count_tokens(self, text: str) -> int:
        """Tokens of a text; raises TokenCountError for anything else."""
        if not isinstance(text, str):
            raise TokenCountError(f"text to count is a string, not {type(text).__name__}")
        return self._meter.text(text)

    def count_tokens_messages(self, messages: Sequence[Mapping[str, Any]]) -> int:
        """Tokens of OpenAI chat messages by OpenAI's published formula: 3 a message, its values, 1 for a name, 3 for the reply.

        Values that the formula does not know (parts, calls) count as their text. Raises TokenCountError for what is not a list of
        messages.

        >>> TokenCounter("gpt-4o").count_tokens_messages([{"role": "user", "content": "hello world"}])
        9
        """
        if type(messages) is not list and (isinstance(messages, (str, bytes, Mapping)) or not isinstance(messages, Iterable)):
            raise TokenCountError(f"messages are a list of dicts, not {type(messages).__name__}")
        tokens = REPLY_PRIMING
        roles = self._roles
        texts: list[str] = []
        for place, message in enumerate(messages):
            if type(message) is dict and len(message) == ROLE_AND_CONTENT:
                role, content = message.get("role"), message.get("content")
                if type(role) is str and type(content) is str:  # nearly all chats: four times as fast as any message
                    tokens += roles.get(role) or self._beside_content(role)
                    texts.append(content)
                    continue
            tokens += self._message(place, message)
        return tokens + self._meter.sum_of_texts(texts)

    def estimate_context_size(
        self, messages: Sequence[Mapping[str, Any]], system_prompt: str = "", max_tokens: int = 1_000
    ) -> dict[str, int]:
        """What a request occupies in the window: `prompt_tokens` (the messages, and a system message for `system_prompt`),
        `completion_tokens` (`max_tokens`, kept for the reply), and both as `total_tokens`.

        >>> TokenCounter("gpt-4o").estimate_context_size([{"role": "user", "content": "hello world"}], max_tokens=500)
        {'prompt_tokens': 9, 'completion_tokens': 500, 'total_tokens': 509}
        """
        if not isinstance(system_prompt, str):
            raise TokenCountError(f"a system prompt is a string, not {type(system_prompt).__name__}")
        tokens = self.count_tokens_messages(messages)
        if system_prompt:
            tokens += self._message(0, {"role": "system", "content": system_prompt})
        return {"prompt_tokens": tokens, "completion_tokens": max_tokens, "total_tokens": tokens + max_tokens}

    def should_compress(self, current_tokens: int, max_tokens: int, threshold: float = 0.8) -> bool:
        """Whether usage has reached the threshold.

        >>> TokenCounter("gpt-4o").should_compress(80, 100)
        True
        """
        return current_tokens >= max_tokens * threshold

    def get_model_limits(self, model: str | None = None) -> dict[str, int]:
        """`context_window` and `max_completion` of a model (this counter's own when none is named), in tokens, from the limit chain;
        8,192 and 4,096, the chain's default, for a model that nobody knows."""
        # limits is a sibling family: reached for here only, so that counting itself never depends on it
        from token_guard.limits import resolve

        limit = resolve(self.model if model is None else model)
        return {"context_window": limit.max_input_tokens, "max_completion": limit.max_output_tokens or DEFAULT_COMPLETION}

    def _beside_content(self, role: str) -> int:
        tokens = TOKENS_PER_MESSAGE + self._meter.text(role)
        if role in ROLES:  # a client may write any other, of any length
            self._roles[role] = tokens
        return tokens

    def _message(self, place: int, given: Mapping[str, Any]) -> int:
        message = _opened(given, f"messages[{place}]")
        if not isinstance(message, Mapping):
            raise TokenCountError(f"messages[{place}] is a dict, not {type(message).__name__}")
        tokens, count = TOKENS_PER_MESSAGE, self._meter.text
        for key, value in message.items():
            tokens += count(value) if type(value) is str else self._value(f"messages[{place}].{key}", key, value)
            if key == "name":
                tokens += TOKENS_PER_NAME
        return tokens

    def _value(self, where: str, key: str, value: Any) -> int:
        if value is None:
            return 0
        if isinstance(value, str):
            return self._meter.text(value)
        if key == "content" and isinstance(value, Sequence):
            return sum(self._content_part(f"{where}[{place}]", part) for place, part in enumerate(value))
        if key in {"role", "content", "name"}:
            raise TokenCountError(f"{where} is a string{' or a list of parts' if key == 'content' else ''}, not {type(value).__name__}")
        if key == "tool_calls" and isinstance(value, Sequence):
            return sum(map(self._call, value))
        return self._json(value)

    def _content_part(self, where: str, part: Any) -> int:
        if isinstance(part, str):
            return self._meter.text(part)
        if not isinstance(part, Mapping):
            raise TokenCountError(f"{where} is a string or a dict, not {type(part).__name__}")
        if isinstance(part.get("text"), str):
            return self._meter.text(part["text"])
        if isinstance(image := part.get("image_url"), (str, Mapping)):
            return self._image(image)
        return self._json(part)

    def _image(self, image: str | Mapping[str, Any]) -> int:
        source, detail = (image, "") if isinstance(image, str) else (str(image.get("url", "")), str(image.get("detail", "")))
        return self._meter.media(Media("image", source, detail=detail))

    def _call(self, call: Any) -> int:
        function = call.get("function") if isinstance(call, Mapping) else None
        if not isinstance(function, Mapping):
            return self._json(call)
        return sum(self._meter.text(value) for value in (function.get("name"), function.get("arguments")) if isinstance(value, str))

    def _json(self, value: Any) -> int:
        return self._meter.text(json.dumps(value, ensure_ascii=False, default=str))


def _opened(message: Any, place: str) -> Any:
    """A message that is or holds objects (pydantic models, dataclasses) as a dictionary; any other as it is."""
    # formats is a sibling family, as limits is above
    from token_guard.formats.given import opened

    try:
        return opened(message, place)
    except TypeError as error:
        raise TokenCountError(str(error)) from None
