"""Calls of the tool for originals in answers, and the request that follows such an answer, in each format where LiteLLM lets them be
answered on the way.

LiteLLM hands on answers as objects or as mappings, by format and version.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, Final

from token_guard.formats.dialogue import sent_back
from token_guard.formats.retrieval import NAME

__all__ = ["Asked", "asked_in", "followed_up", "without_asked"]


@dataclass(frozen=True, slots=True)
class Asked:
    """One call of the tool: its id, and the arguments as the model wrote them, an object or the text of one."""

    id: str
    arguments: Any


@dataclass(frozen=True, slots=True)
class _Call:
    """One call of an answer that somebody else than the provider answers."""

    name: str
    id: str
    arguments: Any


@dataclass(frozen=True, slots=True)
class _Wording:
    """How a format words it: the calls of an answer, what follows an answer with a text for each id, and the answer without the tool's
    calls."""

    calls: Callable[[Any], Iterator[_Call]]
    following: Callable[[Any, Mapping[str, str], bool], Iterable[Any]]
    without: Callable[[Any], Any] | None


def asked_in(api: str, answer: Any) -> tuple[tuple[Asked, ...], bool]:
    """The calls of the tool in an answer, and whether there are calls of others beside them."""
    calls = list(_WORDINGS[api].calls(answer))
    ours = tuple(Asked(call.id, call.arguments) for call in calls if call.name == NAME)
    return ours, len(ours) < len(calls)


def followed_up(api: str, messages: Sequence[Any], answer: Any, texts: Mapping[str, str], *, is_stored: bool = True) -> list[Any]:
    """The messages of the request that follows an answer, with a text for each call; `is_stored` says whether a provider that can keep
    its answers keeps this one."""
    return [*messages, *_WORDINGS[api].following(answer, texts, is_stored)]


def without_asked(api: str, answer: Any) -> Any:
    """An answer without the calls of the tool, for a client that has others to answer; None where its provider may keep the answer as it
    was, and would miss what the client knows nothing of."""
    without = _WORDINGS[api].without
    return without(answer) if without else None


# -- chat completions ------------------------------------------------------------------------------------------------------


def _chat_calls(answer: Any) -> Iterator[_Call]:
    for choice in _field(answer, "choices") or ():
        for call in _field(_field(choice, "message"), "tool_calls") or ():
            function = _field(call, "function")
            yield _Call(str(_field(function, "name")), str(_field(call, "id")), _field(function, "arguments"))


def _chat_following(answer: Any, texts: Mapping[str, str], _is_stored: bool) -> Iterator[Any]:
    said = _plain(answer.choices[0].message)
    yield {"content": None, **{key: value for key, value in said.items() if value is not None}}
    yield from ({"role": "tool", "tool_call_id": id_, "content": text} for id_, text in texts.items())


def _chat_without(answer: Any) -> Any:
    message = answer.choices[0].message
    message.tool_calls = [call for call in message.tool_calls if call.function.name != NAME]
    return answer


# -- Messages --------------------------------------------------------------------------------------------------------------


def _messages_calls(answer: Any) -> Iterator[_Call]:
    for block in _field(answer, "content") or ():
        if _field(block, "type") == "tool_use":
            yield _Call(str(_field(block, "name")), str(_field(block, "id")), _field(block, "input"))


def _messages_following(answer: Any, texts: Mapping[str, str], _is_stored: bool) -> Iterator[Any]:
    yield {"role": "assistant", "content": [_plain(block) for block in _field(answer, "content")]}
    yield {"role": "user", "content": [{"type": "tool_result", "tool_use_id": id_, "content": text} for id_, text in texts.items()]}


def _messages_without(answer: Any) -> Any:
    kept = [block for block in _field(answer, "content") if _field(block, "name") != NAME]
    if isinstance(answer, Mapping):
        return {**answer, "content": kept}
    other = copy(answer)
    other.content = kept
    return other


# -- Responses -------------------------------------------------------------------------------------------------------------


def _responses_calls(answer: Any) -> Iterator[_Call]:
    for item in _field(answer, "output") or ():
        kind = str(_field(item, "type"))
        if kind == "mcp_approval_request" or (kind.endswith("_call") and _field(item, "call_id")):
            yield _Call(str(_field(item, "name")), str(_field(item, "call_id")), _field(item, "arguments"))


def _responses_following(answer: Any, texts: Mapping[str, str], is_stored: bool) -> Iterator[Any]:
    """What the answer says, and the texts. Where others are called as well, their calls are left for the model to make again."""
    _, has_others = asked_in("openai.responses", answer)
    items = [_plain(item) for item in _field(answer, "output")]
    if has_others:  # a call without its id is bound to no reasoning before it
        items = [{**item, "id": None} for item in items if item.get("call_id") in texts]
    yield from sent_back(items, is_stored=is_stored)
    yield from ({"type": "function_call_output", "call_id": id_, "output": text} for id_, text in texts.items())


_WORDINGS: Final[Mapping[str, _Wording]] = {
    "openai.chat": _Wording(_chat_calls, _chat_following, _chat_without),
    "anthropic.messages": _Wording(_messages_calls, _messages_following, _messages_without),
    "openai.responses": _Wording(_responses_calls, _responses_following, None),
}


def _field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def _plain(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else value.model_dump()
