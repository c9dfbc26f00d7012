"""Calls that agents without tool messages make in their words: a fenced block, a tag, `Action:` and its input.

Only the last call of a message is read, from its end backwards, in time linear to the message.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from token_guard.conversation import ToolCall
from token_guard.conversation.written import written

__all__ = ["SpokenCall", "spoken_call"]

_FENCE: Final = re.compile(r"^[ \t]{0,8}```([\w.+-]{0,40})[^\n]{0,80}$", re.MULTILINE)
_CLOSING: Final = re.compile(r"</([a-z]\w{2,40})>")
_FIELD: Final = re.compile(r"<(\w{1,40})>")
_ACTION: Final = re.compile(r"^Action:[ \t]*([^\n]{1,400})", re.MULTILINE)
_INPUT: Final = "\nAction Input:"
_CALLED: Final = re.compile(r"([\w.-]{1,60})\s{0,4}(?:[\[(]([^\n]*)[\])])?$")

_ENCODED: Final = frozenset(("tool_call", "function_call"))
_CODE: Final = re.compile(r"(?:code|bash|python|shell|command|execute(?:_\w+)?|run_\w+)$")
"""Tags that hold a call as JSON, and those that hold a command; others hold a tag for each argument."""

_MOST_FIELDS: Final = 20


@dataclass(frozen=True, slots=True)
class SpokenCall:
    """A call as it stands in a message, and what is said before it."""

    words: str
    call: ToolCall


def spoken_call(text: str) -> SpokenCall | None:
    r"""The last call that a message makes in its words, or nothing.

    >>> spoken_call("Let me look.\n```bash\nls -la\n```").call
    ToolCall(id='', name='bash', arguments='{"command": "ls -la"}')
    >>> spoken_call("Thought: prices\nAction: search\nAction Input: bolts").call
    ToolCall(id='', name='search', arguments='{"input": "bolts"}')
    """
    return _acted(text) or _tagged(text) or _fenced(text)


def _acted(text: str) -> SpokenCall | None:
    last = _last(_ACTION.finditer(text))
    called = _CALLED.match(last[1].strip()) if last else None
    if last is None or called is None:
        return None
    given = text.find(_INPUT, last.start())
    said = text[given + len(_INPUT) :] if given >= 0 else called[2] or ""
    return _call(text[: last.start()], called[1], {"input": said.strip()})


def _tagged(text: str) -> SpokenCall | None:
    last = _last(_CLOSING.finditer(text))
    start = text.rfind(f"<{last[1]}>", 0, last.start()) if last else -1
    if last is None or start < 0:
        return None
    name, inside = last[1], text[start + len(last[1]) + 2 : last.start()]
    if name in _ENCODED:
        return _encoded(text[:start], inside)
    if _CODE.match(name):
        return _call(text[:start], name, {"command": inside.strip()})
    given = dict(_fields(inside))
    return _call(text[:start], name, given) if given else None


def _fields(text: str) -> Iterator[tuple[str, str]]:
    place = 0
    for _ in range(_MOST_FIELDS):
        opening = _FIELD.search(text, place)
        end = text.find(f"</{opening[1]}>", opening.end()) if opening else -1
        if opening is None or end < 0:
            return
        yield opening[1], text[opening.end() : end].strip()
        place = end


def _encoded(words: str, text: str) -> SpokenCall | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    named = isinstance(value, dict) and isinstance(value.get("name"), str)
    return _call(words, value["name"], value.get("arguments", {})) if named else None


def _fenced(text: str) -> SpokenCall | None:
    opening, closing = (None, None, *deque(_FENCE.finditer(text), maxlen=2))[-2:]
    if opening is None or closing is None or closing[1]:
        return None
    return _call(text[: opening.start()], opening[1] or "command", {"command": text[opening.end() : closing.start()].strip()})


def _call(words: str, name: str, arguments: object) -> SpokenCall:
    return SpokenCall(words.strip(), ToolCall("", name, written(arguments)))


def _last(found: Iterator[re.Match[str]]) -> re.Match[str] | None:
    return next(iter(deque(found, maxlen=1)), None)
