"""The reply length that LiteLLM asks for where a client names none: Anthropic's API demands one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from token_guard.budget import ContextLimit, thinking_budget

__all__ = ["filled_in_reply"]

_DEMANDING: Final = re.compile(r"^(?:anthropic/|(?:vertex_ai|azure_ai)/claude)")
"""Models whose requests LiteLLM writes in Anthropic's own form (litellm/llms/anthropic/chat/transformation.py)."""

_TRANSLATED: Final = ("openai.chat", "openai.responses")

_UNKNOWN: Final = 4_096
"""What LiteLLM asks for of a model that it does not know (DEFAULT_ANTHROPIC_CHAT_MAX_TOKENS), and adds to a thinking budget."""


def filled_in_reply(model: str, api: str, limit: ContextLimit, request: Mapping[str, Any]) -> int | None:
    """The tokens that LiteLLM will ask for by itself: the model's longest reply; None where it asks for nothing.

    >>> filled_in_reply("anthropic/claude-sonnet-4-5", "openai.chat", ContextLimit(200_000, 64_000), {})
    64000
    >>> filled_in_reply("openai/gpt-4o", "openai.chat", ContextLimit(128_000, 16_384), {}) is None
    True
    """
    if api not in _TRANSLATED or not _DEMANDING.match(model):
        return None
    budget = thinking_budget(request)
    if budget is not None:
        return budget + _UNKNOWN
    return limit.max_output_tokens or _UNKNOWN
