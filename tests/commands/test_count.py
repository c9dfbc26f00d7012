"""`token-guard count` on folders, logs, pages, and what cannot be counted."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from token_guard.commands.count import count
from token_guard.commands.walk import walk
from token_guard.counting import meter_for

ASK = {"role": "user", "content": "Where?"}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _files(**files: str | bytes) -> None:
    for name, content in files.items():
        path = Path(name.replace("__", "/"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def _count(*names: str, **options: Any) -> Any:
    return count(names, options.pop("urls", []), options.pop("model", None), options.pop("var", []), **options)


def test_a_folder_is_its_text_files_without_what_git_ignores() -> None:
    _files(
        **{
            ".gitignore": "*.log\n/build/\n!keep.log\n",
            "a.py": "a",
            "x.log": "x",
            "keep.log": "k",
            "build__b.py": "b",
            "sub__build__c.py": "c",
        }
    )
    _files(**{"sub__.gitignore": "secret*\n", "sub__secret.py": "s", ".git__config": "g", "node__.gitignore": "*\n", "node__m.js": "m"})
    Path("link.py").symlink_to("a.py")
    names = [path.removeprefix("./") for path in walk(".", pytest.fail)]
    assert names == [".gitignore", "a.py", "keep.log", "sub/.gitignore", "sub/build/c.py"]


def test_the_rules_of_the_repository_hold_in_a_folder_of_it() -> None:
    _files(
        **{".git__info__exclude": "excluded.txt\n", ".gitignore": "*.tmp\n", "sub__a.tmp": "", "sub__excluded.txt": "", "sub__a.txt": ""}
    )
    assert list(walk("sub", pytest.fail)) == ["sub/a.txt"]


def test_binaries_in_a_folder_are_skipped_with_a_note_and_no_error() -> None:
    _files(**{"a.txt": "words", "b.png": b"\x89PNG\x00"})
    counted = _count(".")
    assert ([row.name for row in counted.rows], counted.skipped, counted.errors, counted.found) == (["./a.txt"], ("./b.png",), (), False)


def test_what_cannot_be_counted_is_a_line_and_the_rest_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    _files(
        **{
            "a.txt": "words",
            "b.png": b"\x89PNG\x00",
            "broken.json": '{"messages": [',
            "log.jsonl": json.dumps({"messages": [ASK]}) + "\n{\n",
        }
    )
    counted = _count("a.txt", "absent.txt", "b.png", "broken.json", "log.jsonl", urls=["http://127.0.0.1:1/", "nonsense"])
    assert [row.name for row in counted.rows] == ["a.txt", "broken.json", "log.jsonl"]
    assert counted.found
    assert [line.partition(";")[0] for line in counted.errors] == [
        "http://127.0.0.1:1/: 127.0.0.1 is a private address, which is not fetched",
        "nonsense: is no address of a page, such as https://example.com/a.txt",
        "absent.txt: No such file or directory",
        "b.png: not text: a NUL byte (byte 4)",
        "log.jsonl:2: broken JSON (Expecting property name enclosed in double quotes)",
    ]
    assert counted.rows[1].note == "looks like JSON and is broken (line 1: Expecting value): counted as text"
    assert counted.rows[1].tokens == meter_for("gpt-4o").text('{"messages": [')


def test_a_log_whose_first_line_is_broken_is_still_a_log() -> None:
    _files(**{"log.jsonl": "{broken\n" + json.dumps({"messages": [ASK]}) + "\n"})
    counted = _count("log.jsonl")
    assert counted.rows[0].note.startswith("1 request")
    assert counted.errors == ("log.jsonl:1: broken JSON (Expecting property name enclosed in double quotes)",)


@pytest.mark.parametrize("damage", [lambda packed: packed[: len(packed) // 2], lambda packed: packed[: len(packed) // 2] + b"\xff" * 999])
def test_of_a_packed_log_that_is_damaged_what_stands_before_is_counted(damage: Callable[[bytes], bytes]) -> None:
    lines = (json.dumps({"messages": [{"role": "user", "content": f"{Random(number).random()}"}]}) for number in range(2_000))
    _files(**{"log.jsonl.gz": damage(gzip.compress("\n".join(lines).encode()))})
    counted = _count("log.jsonl.gz")
    assert counted.rows[0].tokens > 0
    assert counted.errors[-1].startswith("log.jsonl.gz: it is cut short or damaged: ")


def test_a_log_is_a_row_for_each_of_its_models() -> None:
    lines = [{"model": "gpt-4o", "messages": [ASK]}, {"model": "gpt-4", "messages": [ASK] * 3}, {"model": "gpt-4o", "messages": [ASK] * 2}]
    _files(**{"log.jsonl": "".join(json.dumps(line) + "\n" for line in lines)})
    counted = _count("log.jsonl")
    assert [(row.model, row.note.partition(",")[0]) for row in counted.rows] == [("gpt-4o", "2 requests"), ("gpt-4", "1 request")]


def test_json_lines_that_are_no_requests_are_text() -> None:
    _files(**{"data.jsonl": '{"a": 1}\n{"a": 2}\n'})
    assert _count("data.jsonl").rows[0].tokens == meter_for("gpt-4o").text('{"a": 1}\n{"a": 2}\n')


def test_a_model_that_nobody_knows_is_a_line() -> None:
    _files(**{"a.txt": "words"})
    counted = _count("a.txt", model="zzz-unheard-of")
    assert counted.found
    assert "no source knows the context window of 'zzz-unheard-of'" in counted.errors[0]


def test_counts_are_kept_between_calls_unless_nobody_wants_that(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TOKEN_GUARD_STORE", f"sqlite:///{tmp_path}/state/store.db")
    _files(**{"a.txt": "words"})
    os.utime("a.txt", ns=(1, 1))
    path = Path("a.txt")
    while not _is_settled(path):
        pass
    assert [_count("a.txt", cache=cache).rows[0].cached for cache in (True, True, False)] == [False, True, False]


def _is_settled(path: Path) -> bool:
    import time

    return time.time_ns() - path.stat().st_ctime_ns > 2_500_000_000


def test_variables_are_put_into_files() -> None:
    _files(**{"a.txt": "Hello {{who}}"})
    (row,) = _count("a.txt", var=["who=Ann Smith"]).rows
    assert (row.raw, row.tokens) == (meter_for("gpt-4o").text("Hello {{who}}"), meter_for("gpt-4o").text("Hello Ann Smith"))


def test_a_table_in_a_pipe_cuts_no_name(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    name = "a" * 120 + ".txt"
    _files(**{name: "words", "b.txt": "more words"})
    _count(name, "b.txt").show(Console(), Console(stderr=True))
    assert capsys.readouterr().out.splitlines()[1].startswith(f"{name}  ")


def test_the_largest_comes_first_and_the_total_alone_where_that_is_wanted() -> None:
    _files(**{"a.txt": "one", "b.txt": "one two three"})
    counted = _count("a.txt", "b.txt")
    assert [row.name for row in counted.shown_as(total=False, largest_first=True).rows] == ["b.txt", "a.txt"]
    assert counted.shown_as(total=True, largest_first=False).as_json()["inputs"] == []


def test_nothing_that_can_be_counted_is_an_error() -> None:
    counted = _count("absent.txt")
    assert (counted.rows, counted.errors, counted.found) == ((), ("absent.txt: No such file or directory",), True)
