"""The tool by which a model asks for an original that was compacted away: its definition in each format where its calls can be answered on
the way, and the keys of originals. What its calls look like in answers is in `asked`.

Nothing in the definition ever changes, so that it never changes the beginning of a prompt.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

from token_guard.conversation import Conversation
from token_guard.formats import FORMATS
from token_guard.formats.dialogue import is_held_elsewhere

__all__ = [
    "NAME",
    "RETRIEVAL_APIS",
    "can_be_answered",
    "key_of",
    "keys_in",
    "offers",
    "originals",
    "with_tool",
]

NAME: Final = "token_guard_original"

_DESCRIPTION: Final = (
    "Gives the original text of a tool output that was compacted. A compacted output says which key it has (original: <key>). "
    "Long texts come in parts: ask again with the line that the answer names."
)
_PARAMETERS: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "key": {"type": "string", "description": "The key that the compacted output names."},
        "from_line": {"type": "integer", "description": "The first line that is wanted; 1 when it is not given."},
    },
    "required": ["key"],
}

_TOOLS: Final[Mapping[str, Mapping[str, Any]]] = {
    "openai.chat": {"type": "function", "function": {"name": NAME, "description": _DESCRIPTION, "parameters": _PARAMETERS}},
    "anthropic.messages": {"name": NAME, "description": _DESCRIPTION, "input_schema": _PARAMETERS},
    # Responses takes a definition for a strict one where nothing is said, and in those no parameter may be left out
    "openai.responses": {"type": "function", "name": NAME, "description": _DESCRIPTION, "parameters": _PARAMETERS, "strict": False},
}

RETRIEVAL_APIS: Final = tuple(_TOOLS)
"""The formats in which it can be offered."""

_LITELLMS_OWN: Final = ("mcp", "file_search")
"""Tools of Responses for which LiteLLM may ask the model again by itself."""

_KEY_BYTES: Final = 8
_KEY: Final = re.compile(rf"original: ([0-9a-f]{{{2 * _KEY_BYTES}}})")


def key_of(text: str) -> str:
    """The key of an original: its digest, so that it is the same on every turn and every replica.

    >>> key_of("a") == key_of("a") != key_of("b")
    True
    """
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_KEY_BYTES).hexdigest()


def offers(tools: Any) -> bool:
    """Whether the tool is among these."""
    return isinstance(tools, Sequence) and any(_name_of(tool) == NAME for tool in tools)


def can_be_answered(api: str, request: Mapping[str, Any]) -> bool:
    """Whether a call in the answer to this request can be answered before its client gets it, as far as the request itself decides.

    Not in a stream, whose beginning the client has; of Messages alone LiteLLM holds streams back. Not where several choices go on in
    different ways, where the provider holds what came before, and beside tools whose calls LiteLLM may answer in a loop of its own.
    """
    if api not in RETRIEVAL_APIS or (request.get("stream") and api != "anthropic.messages"):
        return False
    if api == "openai.chat":
        return (request.get("n") or 1) == 1
    return not is_held_elsewhere(api, request) and not any(_field(tool, "type") in _LITELLMS_OWN for tool in request.get("tools") or ())


def with_tool(api: str, tools: Sequence[Any]) -> list[Any]:
    """The tools of a request with this one behind them."""
    return [*tools, _TOOLS[api]]


def keys_in(api: str, request: Mapping[str, Any]) -> frozenset[str]:
    """The keys that a request names."""
    parsed = FORMATS[api].parse(request)
    messages = parsed.messages if isinstance(parsed, Conversation) else ()
    return frozenset(key for message in messages for key in _KEY.findall(message.text))


def originals(api: str, request: Mapping[str, Any], keys: Iterable[str]) -> dict[str, str]:
    """The tool outputs of a request that have these keys."""
    wanted, parsed = frozenset(keys), FORMATS[api].parse(request)
    if not isinstance(parsed, Conversation):
        return {}
    texts = (result.text for message in parsed.messages for result in message.results)
    return {key: text for text in texts if (key := key_of(text)) in wanted}


def _name_of(tool: Any) -> Any:
    """The name of a tool; LiteLLM may hand it on as an object."""
    return _field(tool, "name") or _field(_field(tool, "function"), "name")


def _field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
