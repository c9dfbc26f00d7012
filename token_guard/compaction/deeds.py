"""What a call does: whether it changes something or shows what is written somewhere, to what, and what became what."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from token_guard.compaction import readable
from token_guard.compaction.deed_forms import ACTION, CHANGING, DATABASE, DELETING, LOOKING, SHELL, STATEMENT, WRITING
from token_guard.compaction.remembered import remembered
from token_guard.conversation import ToolCall

__all__ = ["became", "brief", "changes", "changes_by_command", "edits", "file", "files", "shows", "target", "whole"]

SHOWING = re.compile(r"(?:read|view|cat|open|fetch|grep|search|glob)(?:_|$)|(?:read|view|open|fetch)", re.IGNORECASE)
"""What the names of tools begin with that show what is written somewhere."""

SHOWING_COMMAND = re.compile(
    r"(?:cd \S+ ?(?:&&|;) *)?(?:sudo )?(?:cat|head|tail|less|nl|sed\s+-n|awk|grep|egrep|rg|ag|find\b.{0,300}(?:grep|cat)"
    r"|git\s+(?:--no-pager\s+)?(?:log|show|diff|blame|grep))\b"
)
"""The same for what commands begin with."""

_PATH = r"([\w./~@+-]{1,200})"
WRITTEN = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?<![<0-9&=>-])>>?[ \t]*{_PATH}",
        rf"\btee[ \t]+(?:-a[ \t]+)?{_PATH}",
        rf"\bsed[ \t]+(?:-\w+[ \t]+)*-i\b[^\n]{{0,400}}?[ \t]{_PATH}[ \t]*(?:$|[;&|\n])",
        rf"\bopen\(\s*['\"]{_PATH}['\"]\s*,\s*['\"][wax]",
        rf"\bPath\(\s*['\"]{_PATH}['\"]\s*\)\.write_",
        rf"\b(?:cp|mv)[ \t]+(?:-\w+[ \t]+)*[\w./~@+-]{{1,200}}[ \t]+{_PATH}",
        rf"(?:^|\n)(?:\*\*\* (?:Add|Update) File: |\+\+\+ b/){_PATH}",
    )
)
"""What stands before the path of a file that a command, a script or a patch writes."""

FILE = re.compile(r"(?:.*/)?[\w@+-][\w.@+-]*\.[A-Za-z]\w{0,9}$")
"""A path with an extension; what only looks like a redirection, such as a comparison in a script, has none."""

WHERE = re.compile(r"path|file|target|_id$|^id$|url|name|uri|query|pattern|command|cmd", re.IGNORECASE)
HOW = re.compile(r"command|cmd", re.IGNORECASE)
"""Arguments that say what a call works on; of a tool that runs no commands, one for the command says what it does to that."""

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
    >>> changes(ToolCall("1", "str_replace_editor", '{"command": "view", "path": "a.py"}'))
    False
    """
    name = _own_name(call)
    if SHELL.search(name):
        return changes_by_command(call.arguments) or _changes_by_name(name)
    action = ACTION.search(call.arguments, 0, LONGEST_COMMAND)
    looks = bool(action and LOOKING.match(action[1]))
    if not looks and (_changes_by_name(name) or (action and CHANGING.search(_words(action[1])))):
        return True
    runs = bool(DATABASE.search(name)) or not LOOKING.match(name)
    return runs and bool(STATEMENT.search(call.arguments, 0, LONGEST_COMMAND))


def _changes_by_name(name: str) -> bool:
    return bool(CHANGING.search(_words(name))) and not LOOKING.match(name)


@remembered
def changes_by_command(text: str) -> bool:
    """Whether a command, or a script, writes something."""
    return bool(WRITING.search(text, 0, LONGEST_COMMAND) or STATEMENT.search(text, 0, LONGEST_COMMAND))


def target(call: ToolCall) -> str:
    """What a call works on, where its arguments say so."""
    return next((value for value in _named(call) if 0 < len(value) <= LONGEST_TARGET and "\n" not in value), "")


def shows(call: ToolCall) -> bool:
    """Whether a call shows what is written somewhere: text that may speak of anything.

    >>> [shows(ToolCall("1", "bash", f'{{"command": "{command}"}}')) for command in ("cat a.py", "pytest -q")]
    [True, False]
    """
    name = _own_name(call)
    if not SHELL.search(name):
        return bool(SHOWING.match(name))
    return bool(SHOWING_COMMAND.match(brief(call))) and not changes_by_command(call.arguments)


def edits(call: ToolCall) -> bool:
    """Whether a call replaces some lines of a file by others, or writes it whole."""
    return not SHELL.search(_own_name(call)) and changes(call) and bool(file(call))


def file(call: ToolCall) -> str:
    """The file that a call names as what it works on, or nothing."""
    named = target(call)
    return named if FILE.fullmatch(named) else ""


def brief(call: ToolCall) -> str:
    """The first line of what a call works on, however long it is."""
    return whole(call).partition("\n")[0]


def whole(call: ToolCall) -> str:
    """What a call works on: a path, a question, a command with all its lines."""
    named = next(filter(str.strip, _named(call)), "").lstrip()
    return named or ", ".join(files(call)) or next(_plain(call), "")


def files(call: ToolCall) -> tuple[str, ...]:
    r"""The files that a call writes, as far as it says so.

    >>> files(ToolCall("1", "bash", '{"command": "cat > fix.py << EOF\\nopen(\'src/a.py\', \'w\')\\nEOF\\nsed -i s/a/b/ src/b.py"}'))
    ('fix.py', 'src/b.py', 'src/a.py')
    """
    if DELETING.search(_words(_own_name(call))):
        return ()
    return (file(call),) if edits(call) else _written("\n".join(readable.lines(call.arguments)))


def _named(call: ToolCall) -> Iterator[str]:
    """The values of the arguments that may say what a call works on, those first that do."""
    named = [(key, value) for key, value in readable.fields(call.arguments).items() if WHERE.search(key) and isinstance(value, str)]
    if not SHELL.search(_own_name(call)):
        named.sort(key=lambda pair: bool(HOW.search(pair[0])))
    return (value for _, value in named)


def _plain(call: ToolCall) -> Iterator[str]:
    """The values of all arguments that are short enough to name something."""
    values = (value for value in readable.fields(call.arguments).values() if isinstance(value, str) and value.strip())
    return (value for value in values if len(value) <= LONGEST_TARGET and "\n" not in value)


def _own_name(call: ToolCall) -> str:
    """The name of a tool without that of the server that has it."""
    return call.name[-LONGEST_NAME:].rpartition("__")[2]


def _written(text: str) -> tuple[str, ...]:
    found = (match[1] for pattern in WRITTEN for match in pattern.finditer(text))
    return tuple(dict.fromkeys(path.removeprefix("./") for path in found if FILE.fullmatch(path)))


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
