"""Asking again what was asked: the fields that a request is repeated with, and what its reply does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from token_guard.conversation import Conversation, Message
from token_guard.formats.anthropic_messages import AnthropicMessages
from token_guard.formats.openai_chat import OpenAIChat
from token_guard.formats.openai_responses import OpenAIResponses
from token_guard.formats.wire import Unreadable

__all__ = ["REPEATED", "can_be_repeated", "repeated", "reply_of"]

_SHARED: Final = ("tools", "tool_choice", "temperature", "top_p", "user", "extra_headers", "provider_specific_header", "extra_body")

REPEATED: Final[Mapping[str, tuple[str, ...]]] = {
    "openai.chat": (
        *("messages", "documents", "functions", "function_call", "response_format", "max_tokens", "max_completion_tokens"),
        *("stop", "frequency_penalty", "presence_penalty", "logit_bias", "reasoning_effort", "verbosity", "thinking", "reasoning"),
        *("parallel_tool_calls", "service_tier", "prompt_cache_key", "safety_identifier", "top_k", "min_p", "repetition_penalty"),
        *("chat_template_kwargs", *_SHARED),
    ),
    "anthropic.messages": (
        *("messages", "system", "max_tokens", "top_k", "stop_sequences", "thinking", "output_config", "output_format"),
        *("context_management", "service_tier", *_SHARED),
    ),
    "openai.responses": (
        *("input", "instructions", "max_output_tokens", "parallel_tool_calls", "reasoning", "text", "truncation", "include"),
        *("service_tier", "prompt_cache_key", "safety_identifier", *_SHARED),
    ),
}
"""What of a request its reply depends on, by format. A seed is not among them: with one, a model would seem to agree with itself; nor is
what makes a provider keep a request or its reply."""

_ADDED: Final[Mapping[str, Mapping[str, Any]]] = {"openai.responses": {"store": False}}

_CLIENTS_TOOLS: Final = ("function", "custom", "local_shell", "apply_patch", "bash_", "text_editor_", "computer", "memory_")
"""How the types of tools begin that the client runs; all others the provider runs, and asking again would run them again."""

_KEEPS_OR_RUNS: Final = ("previous_response_id", "conversation", "prompt", "web_search_options", "mcp_servers", "container", "audio")
"""Fields of requests that stand for more than they say, or have a provider do something; and what answers in sound."""


def can_be_repeated(api: str, request: Mapping[str, Any]) -> bool:
    """Whether asking again shows what was asked, and does nothing but answer.

    >>> can_be_repeated("openai.chat", {"messages": [], "tools": [{"type": "function"}]})
    True
    >>> can_be_repeated("openai.responses", {"input": "Hello", "tools": [{"type": "web_search"}]})
    False
    """
    if api not in REPEATED or any(request.get(name) for name in _KEEPS_OR_RUNS):
        return False
    tools = request.get("tools") or ()
    return isinstance(tools, (list, tuple)) and all(map(_is_the_clients, tools))


def _is_the_clients(tool: Any) -> bool:
    return isinstance(tool, Mapping) and str(tool.get("type") or _CLIENTS_TOOLS[0]).startswith(_CLIENTS_TOOLS)


def repeated(api: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """The fields to ask with once more: one reply, at once, that nobody keeps."""
    return {**{name: request[name] for name in REPEATED[api] if request.get(name) is not None}, **_ADDED.get(api, {})}


@dataclass(frozen=True, slots=True)
class _Reply:
    """Where a format's reply stands in its answer: as the messages of a request in that format; and whether it was cut short."""

    parse: Callable[[Mapping[str, Any]], Conversation | Unreadable]
    messages: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    is_cut: Callable[[Mapping[str, Any]], bool]


def _of_chat(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"messages": [{"role": "assistant", **answer["choices"][0]["message"]}]}


def _of_messages(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"messages": [{"role": "assistant", "content": answer["content"]}]}


_REPLIES: Final[Mapping[str, _Reply]] = {
    "openai.chat": _Reply(OpenAIChat().parse, _of_chat, lambda answer: answer["choices"][0].get("finish_reason") == "length"),
    "anthropic.messages": _Reply(AnthropicMessages().parse, _of_messages, lambda answer: answer.get("stop_reason") == "max_tokens"),
    "openai.responses": _Reply(
        OpenAIResponses().parse, lambda answer: {"input": answer["output"]}, lambda answer: answer.get("status") == "incomplete"
    ),
}


def reply_of(api: str, answer: Mapping[str, Any]) -> tuple[Message, ...]:
    """The messages of an answer; none where it cannot be read, and where a call in it was cut short."""
    reply = _REPLIES[api]
    try:
        parsed, is_cut = reply.parse({"model": "", **reply.messages(answer)}), reply.is_cut(answer)
    except (KeyError, IndexError, TypeError, AttributeError):
        return ()
    if not isinstance(parsed, Conversation) or (is_cut and any(message.calls for message in parsed.messages)):
        return ()
    return parsed.messages
