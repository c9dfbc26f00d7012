"""What a call does is read from its name and its command."""

from __future__ import annotations

import json

import pytest
from build import watched

from token_guard.compaction import deeds, readable
from token_guard.conversation import ToolCall


def shell(command: str) -> ToolCall:
    return ToolCall("1", "bash", json.dumps({"command": command}))


@pytest.mark.parametrize(
    ("command", "written"),
    [
        ("cat > a/fix.py << 'EOF'\nwith open('src/b.py', 'w') as f:\n    f.write(x)\nEOF", ("a/fix.py", "src/b.py")),
        ("sed -i 's/old/new/' src/c.py && pytest -q", ("src/c.py",)),
        ("cp -r src/d.py src/e.py; rm -f src/d.py", ("src/e.py",)),
        ("git apply << EOF\n--- a/f.py\n+++ b/f.py\n@@ -1 +1 @@\nEOF", ("f.py",)),
        ("pytest -q 2>&1 | tee out.log", ("out.log",)),
        ("python -c 'print(1 if x->y > z else 2)' > /dev/null 2>&1", ()),
    ],
)
def test_the_files_that_a_command_writes_are_read_from_it(command: str, written: tuple[str, ...]) -> None:
    assert deeds.files(shell(command)) == written


def test_a_tool_that_edits_names_its_file() -> None:
    assert deeds.files(ToolCall("1", "str_replace", json.dumps({"path": "src/a.py", "old_str": "a", "new_str": "b"}))) == ("src/a.py",)


@pytest.mark.parametrize("name", ["read_file", "view", "mcp__files__read", "web_fetch_page"])
def test_a_tool_that_reads_only_shows(name: str) -> None:
    assert deeds.shows(ToolCall("1", name, "{}")) is not name.startswith("web")


def test_a_command_is_what_it_begins_with() -> None:
    shown = ["cat a.py | head -20", "cd /app && grep -rn foo .", "git log --oneline -5", "sed -n '1,9p' a.py"]
    assert all(deeds.shows(shell(command)) for command in shown)
    assert not any(deeds.shows(shell(command)) for command in ("pytest -q", "make", "python read.py", "sed -i s/a/b/ c.py", "cat > a.py"))


def test_the_arguments_of_a_call_are_decoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = watched(monkeypatch, readable, "_decoded")
    call = ToolCall("1", "edit_file", json.dumps({"path": "src/once_only.py", "old": "a", "new": "b"}))
    assert deeds.edits(call)
    assert deeds.file(call) == deeds.target(call) == deeds.brief(call) == "src/once_only.py"
    assert len(decoded) == 1
