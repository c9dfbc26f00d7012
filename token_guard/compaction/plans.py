"""The newest plan, and rules that a client loaded: calls with their results which later work goes by, however old they are."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache, partial
from itertools import chain
from typing import Any, Final

from token_guard.conversation import Message, ToolCall

__all__ = ["loaded_rules", "newest_plan"]

_PLANNERS: Final = frozenset(
    (
        *("todowrite", "todo", "todos", "writetodos", "updatetodos", "updatetodolist", "managetodolist", "todolist", "settodos"),
        *("updateplan", "plan", "writeplan", "createplan", "setplan", "saveplan", "tasktracker", "planupdate", "planning", "exitplanmode"),
    )
)
"""Tools that write the whole plan with each call, by their names in lower case without anything but letters."""

_PLAN_READERS: Final = frozenset(
    ("todoread", "readtodo", "readtodos", "gettodos", "listtodos", "viewtodos", "readplan", "getplan", "viewplan")
)
"""Tools that show it: what came back is the plan."""

_SHOWN: Final = 40
"""Characters of a result in which there may be a plan; "ok" is none."""

_LOADERS: Final = frozenset(
    (
        *("skill", "loadskill", "useskill", "activateskill", "readskill", "invokeskill", "getskill", "skills", "openskill"),
        *("skillview", "viewskill", "skilltool", "runskill", "skillload", "skillread"),
    )
)
"""Tools that load rules to go by."""

_RULE_FILES: Final = re.compile(r"\b(?:AGENTS|CLAUDE|GEMINI|CONVENTIONS|SKILL)\.md\b|\.(?:cursor|cline|windsurf)rules\b")
"""Files that hold rules for agents, wherever a call names one."""

_SERVER: Final = re.compile(r"__|[.:/]")
"""What stands between the name of a server and that of its tool."""

_READERS: Final = re.compile(r"read|open|view|cat|fetch|get|load|shell|bash|exec|run|command", re.IGNORECASE)

_TEXTS: Final = ("content", "step", "title", "task", "text", "description", "name", "label", "subject", "item", "goal", "activeForm")
_STATES: Final = ("status", "state", "done", "completed", "checked")
_STATED: Final = re.compile(f'"(?:{"|".join(_STATES)})"')

_LONGEST: Final = 65_536
"""Characters of the arguments of a call that writes a plan or loads rules: longer ones write a file."""

_MOST_RULES: Final = 3
"""Loaded rules that stay, the newest first: more were loaded for work that is done."""

_MOST_CHARACTERS: Final = 24_000
"""All of them together; about 6,000 tokens."""


def newest_plan(messages: Sequence[Message]) -> tuple[int, ...]:
    """Places of the newest call that writes a plan, and of its result; nothing where there is none."""
    for place in range(len(messages) - 1, -1, -1):
        for call in messages[place].calls:
            reads = _is_named(call, _PLAN_READERS)
            if not reads and not _plans(call):
                continue
            answers = _after(place, _answers(messages).get(call.id, ()))
            if not reads or any(len(messages[answer].text) >= _SHOWN for answer in answers):
                return (place, *answers)
    return ()


def loaded_rules(messages: Sequence[Message]) -> tuple[int, ...]:
    """Places of the newest calls that loaded rules, one for each set of rules, and of their results."""
    found: list[int] = []
    seen: set[str] = set()
    room, answered = _MOST_CHARACTERS, cache(partial(_answers, messages))
    for place in range(len(messages) - 1, -1, -1):
        for call in messages[place].calls if len(seen) < _MOST_RULES else ():
            if call.arguments in seen or not _loads(call):
                continue
            answers = _after(place, answered().get(call.id, ()))
            size = sum(len(messages[answer].text) for answer in answers)
            if answers and size <= room:
                seen.add(call.arguments)
                room -= size
                found += [place, *answers]
    return tuple(sorted(found))


def _answers(messages: Sequence[Message]) -> dict[str, list[int]]:
    """The places of the results of calls, by the calls' ids."""
    found: dict[str, list[int]] = {}
    for place, message in enumerate(messages):
        for result in message.results:
            found.setdefault(result.call_id, []).append(place)
    return found


def _after(place: int, answers: Sequence[int]) -> Sequence[int]:
    """The first of the places behind another one, if there is any."""
    first = bisect_right(answers, place)
    return answers[first : first + 1]


def _plans(call: ToolCall) -> bool:
    """Whether a call writes a plan: by its tool, or by its shape, a list of texts that each have a state.

    >>> _plans(ToolCall("1", "manage", '{"items": [{"title": "a", "status": "done"}, {"title": "b", "status": "open"}]}'))
    True
    """
    if _is_named(call, _PLANNERS):
        return True
    if len(call.arguments) > _LONGEST:
        return False
    return _STATED.search(call.arguments) is not None and any(map(_is_plan, _lists(call.arguments)))


def _lists(arguments: str) -> Sequence[Any]:
    try:
        value = json.loads(arguments)
    except (ValueError, RecursionError):
        return ()
    if not isinstance(value, Mapping):
        return ()
    inner = [*value.values(), *chain.from_iterable(one.values() for one in value.values() if isinstance(one, Mapping))]
    return [one for one in inner if isinstance(one, list)]


def _is_plan(entries: Sequence[Any]) -> bool:
    return len(entries) > 1 and all(
        isinstance(entry, Mapping) and any(key in entry for key in _TEXTS) and any(key in entry for key in _STATES) for entry in entries
    )


def _loads(call: ToolCall) -> bool:
    if _is_named(call, _LOADERS):
        return True
    if len(call.arguments) > _LONGEST:
        return False
    named = ".md" in call.arguments or "rules" in call.arguments
    return named and bool(_READERS.search(call.name) and _RULE_FILES.search(call.arguments))


def _is_named(call: ToolCall, names: frozenset[str]) -> bool:
    """Whether a tool has one of these names, by itself or behind that of the server that has it."""
    whole, own = _letters(call.name)
    return whole in names or own in names


@lru_cache(maxsize=1_024)
def _letters(name: str) -> tuple[str, str]:
    whole, own = name.lower(), _SERVER.split(name.lower())[-1]
    return re.sub(r"[^a-z]", "", whole), re.sub(r"[^a-z]", "", own)
