"""The tool by which a model asks for an original that was compacted away: its definition, and calls of it in answers, in each format where
they can be answered on the way.

Nothing in the definition ever changes, so that it never changes the beginning of a prompt.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

from token_guard.conversation import Conversation
from token_guard.formats import FORMATS

__all__ = [
    "NAME",
    "RETRIEVAL_APIS",
    "Asked",
    "asked_in",
    "followed_up",
    "key_of",
    "keys_in",
    "offers",
    "originals",
    "with_tool",
    "without_asked",
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
}

RETRIEVAL_APIS: Final = tuple(_TOOLS)
"""The formats in which it can be offered."""

_KEY_BYTES: Final = 8
_KEY: Final = re.compile(rf"original: ([0-9a-f]{{{2 * _KEY_BYTES}}})")


@dataclass(frozen=True, slots=True)
class Asked:
    """One call of the tool: its id, and the arguments as the model wrote them, an object or the text of one."""

    id: str
    arguments: Any


def key_of(text: str) -> str:
    """The key of an original: its digest, so that it is the same on every turn and every replica.

    >>> key_of("a") == key_of("a") != key_of("b")
    True
    """
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_KEY_BYTES).hexdigest()


def offers(tools: Any) -> bool:
    """Whether the tool is among these."""
    return isinstance(tools, Sequence) and any(_name_of(tool) == NAME for tool in tools)


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


# -- answers -------------------------------------------------------------------------------------------------------------


def asked_in(api: str, answer: Any) -> tuple[tuple[Asked, ...], bool]:
    """The calls of the tool in an answer, and whether there are calls of others beside them."""
    calls = list(_calls(api, answer))
    ours = tuple(Asked(id_, arguments) for name, id_, arguments in calls if name == NAME)
    return ours, len(ours) < len(calls)


def followed_up(api: str, messages: Sequence[Any], answer: Any, texts: Mapping[str, str]) -> list[Any]:
    """The messages of the request that follows an answer, with a text for each call."""
    if api == "openai.chat":
        said = _plain(answer.choices[0].message)
        kept = {key: value for key, value in said.items() if value is not None}
        return [
            *messages,
            {"content": None, **kept},
            *({"role": "tool", "tool_call_id": id_, "content": text} for id_, text in texts.items()),
        ]
    results = [{"type": "tool_result", "tool_use_id": id_, "content": text} for id_, text in texts.items()]
    blocks = [_plain(block) for block in _field(answer, "content")]
    return [*messages, {"role": "assistant", "content": blocks}, {"role": "user", "content": results}]


def without_asked(api: str, answer: Any) -> Any:
    """An answer without the calls of the tool, for a client that has others to answer."""
    if api == "openai.chat":
        message = answer.choices[0].message
        message.tool_calls = [call for call in message.tool_calls if call.function.name != NAME]
        return answer
    kept = [block for block in _field(answer, "content") if _field(block, "name") != NAME]
    if isinstance(answer, Mapping):
        return {**answer, "content": kept}
    other = copy(answer)
    other.content = kept
    return other


def _calls(api: str, answer: Any) -> Iterator[tuple[str, str, Any]]:
    if api == "openai.chat":
        for choice in _field(answer, "choices") or ():
            for call in _field(_field(choice, "message"), "tool_calls") or ():
                function = _field(call, "function")
                yield str(_field(function, "name")), str(_field(call, "id")), _field(function, "arguments")
        return
    for block in _field(answer, "content") or ():
        if _field(block, "type") == "tool_use":
            yield str(_field(block, "name")), str(_field(block, "id")), _field(block, "input")


def _name_of(tool: Any) -> Any:
    return _field(tool, "name") or _field(_field(tool, "function"), "name")


def _field(value: Any, name: str) -> Any:
    """A field of what LiteLLM hands on as an object or as a mapping."""
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def _plain(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else value.model_dump()
