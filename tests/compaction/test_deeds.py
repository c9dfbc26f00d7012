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


CHANGES = """kubectl -n prod scale deploy relay --replicas=3|terraform apply -auto-approve|helm upgrade relay ./chart|systemctl restart relay
docker compose up -d|psql -c "UPDATE invoice SET rate = 19"|curl -s -X POST https://api.example.org/hooks|git tag v1.2.0
git branch -D old|perl -pi -e s/a/b/ VERSION|alembic upgrade head|gh pr merge 3|ruff check --fix .|prettier --write .|npm ci|black ."""

LOOKS = """kubectl get pods -n prod|terraform plan|helm list|systemctl status relay|docker ps|psql -c "SELECT * FROM invoice"
curl -s https://api.example.org/hooks|git tag -l|git branch -a|perl -ne print VERSION|gh pr view 3|ruff check .|prettier --check .
git log --oneline|cat black.txt"""


@pytest.mark.parametrize("command", CHANGES.replace("\n", "|").split("|"))
def test_a_command_that_changes_something_is_no_look(command: str) -> None:
    assert deeds.changes(shell(command))


@pytest.mark.parametrize("command", LOOKS.replace("\n", "|").split("|"))
def test_a_command_that_looks_changes_nothing(command: str) -> None:
    assert not deeds.changes(shell(command))


def test_tools_are_known_by_their_verbs() -> None:
    changing = "refund_order charge_card closeTicket approve_request make_reservation restart_service reply_to_mail checkout block_card"
    looking = "get_order_status market_price closest_store issues placement_info check_order view_release_notes"
    assert all(deeds.changes(ToolCall("1", name, "{}")) for name in changing.split())
    assert not any(deeds.changes(ToolCall("1", name, "{}")) for name in looking.split())


def test_one_tool_for_several_things_does_what_its_command_says() -> None:
    view, edit = ({"command": command, "path": "src/a.py"} for command in ("view", "str_replace"))
    assert [deeds.changes(ToolCall("1", "str_replace_editor", json.dumps(one))) for one in (view, edit)] == [False, True]
    assert deeds.target(ToolCall("1", "str_replace_editor", json.dumps(edit))) == "src/a.py"
    assert deeds.files(ToolCall("1", "str_replace_editor", json.dumps(edit))) == ("src/a.py",)


def test_what_is_deleted_is_not_written() -> None:
    assert deeds.files(ToolCall("1", "delete_file", '{"path": "a.py"}')) == ()
    patch = "*** Begin Patch\n*** Update File: a.py\n-x\n+y\n*** Delete File: b.py\n*** End Patch"
    call = ToolCall("1", "apply_patch", json.dumps({"input": patch}))
    assert deeds.files(call) == ("a.py",)
    assert deeds.whole(call) == "a.py"
