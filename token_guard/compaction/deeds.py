"""What a call does: whether it changes something, to what, and what became what."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from token_guard.compaction import readable
from token_guard.conversation import ToolCall

__all__ = ["became", "changes", "changes_by_command", "target"]

CHANGING = re.compile(
    r"(?:^|[^a-z])(?:edit|write|create|patch|replace|insert|update|delete|remove|book|cancel|modify|send|set|add|commit|apply"
    r"|exchange|return|transfer|move|rename|save|post|put|push|pay|submit|upload|install|deploy|schedule|enable|disable|toggle|grant|revoke)",
    re.IGNORECASE,
)
"""Words of tool names that change something; in camel case and snake case alike, see `_words`."""

LOOKING = re.compile(
    r"(?:get|list|read|search|find|view|grep|glob|ls|cat|fetch|lookup|check|show|query|describe|todo|think|calculate)", re.IGNORECASE
)
"""What a tool that only looks begins with."""

SHELL = re.compile(r"bash|shell|exec|command|run|terminal|python|code|script", re.IGNORECASE)

WRITING = re.compile(
    r"\bsed\s+(?:-\w+\s+)*-i|\btee\b|(?<![<0-9&=-])>>?\s*(?!&|/dev/null)[\w./~-]+|<<-?\s*['\"]?\w|\bpatch\b"
    r"|\bgit\s+(?:commit|apply|checkout|stash|revert|merge|rebase|add|reset|mv|rm|push|cherry-pick|init|clone)\b"
    r"|\b(?:rm|mv|cp|mkdir|touch|chmod|ln|unzip|tar)\s|\b(?:pip|npm|yarn|pnpm|apt-get|apt|cargo|go|brew|uv)\s+(?:install|add|get|remove)\b"
    r"|\b(?:write_text|write_bytes|writelines)\(|\bopen\([^)\n]*['\"][wa]b?\+?['\"]"
)
"""What a command that writes looks like."""

WHERE = re.compile(r"path|file|target|_id$|^id$|url|name|uri|query|pattern|command|cmd", re.IGNORECASE)

OLD = re.compile(r"^(?:old|search|find|before|original)(?:_?(?:str|string|text|content|code|value))?$", re.IGNORECASE)
NEW = re.compile(r"^(?:new|replace|replacement|replace_with|after|updated)(?:_?(?:str|string|text|content|code|value))?$", re.IGNORECASE)
"""Arguments of edits: what is replaced, and by what."""

LONGEST_TARGET = 200

LONGEST_COMMAND = 20_000
"""Characters of a command that are looked at; what a longer one writes into a file stands behind what says so."""

LONGEST_NAME = 200
"""Characters of a tool's name that are looked at; no provider takes more than 128."""


def changes(call: ToolCall) -> bool:
    """Whether a call changes something.

    >>> [changes(ToolCall("1", name, "{}")) for name in ("str_replace_editor", "get_user_details", "cancelOrder", "read_file")]
    [True, False, True, False]
    """
    name = call.name[-LONGEST_NAME:].rpartition("__")[2]
    if SHELL.search(name) and changes_by_command(call.arguments):
        return True
    return bool(CHANGING.search(_words(name))) and not LOOKING.match(name)


def changes_by_command(text: str) -> bool:
    """Whether a command, or a script, writes something."""
    return bool(WRITING.search(text, 0, LONGEST_COMMAND))


def target(call: ToolCall) -> str:
    """What a call works on, where its arguments say so."""
    known = readable.fields(call.arguments)
    named = (value for key, value in known.items() if WHERE.search(key) and isinstance(value, str))
    return next((value for value in named if 0 < len(value) <= LONGEST_TARGET and "\n" not in value), "")


def became(arguments: str) -> list[tuple[str, str]]:
    r"""The lines that an edit takes away and those that it puts in their place, of each replacement in its arguments.

    >>> became('{"path": "a.py", "old_string": "a\\nb", "new_string": "a\\nc"}')
    [('b', 'c')]
    """
    return [_differing(old, new) for old, new in _pairs(readable.fields(arguments))]


def _pairs(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        old = next((text for key, text in value.items() if OLD.match(key) and isinstance(text, str)), None)
        new = next((text for key, text in value.items() if NEW.match(key) and isinstance(text, str)), None)
        if old is not None and new is not None:
            yield old, new
        for inner in value.values():
            yield from _pairs(inner) if isinstance(inner, (dict, list)) else ()
    elif isinstance(value, list):
        for inner in value:
            yield from _pairs(inner)


def _differing(old: str, new: str) -> tuple[str, str]:
    """The lines that only one of two texts has."""
    before, after = old.split("\n"), new.split("\n")
    had, has = set(before), set(after)
    return "\n".join(line for line in before if line not in has), "\n".join(line for line in after if line not in had)


def _words(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)
