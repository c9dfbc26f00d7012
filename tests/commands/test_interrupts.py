"""Ctrl-C and SIGTERM end the real commands: with the status of a shell, one line, no process and no half of a file left."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from token_guard.commands.interrupts import Interrupted, deferred, interruptible
from token_guard.counting.references.batches import FILES_AT_A_TIME

pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc"),
    pytest.mark.usefixtures("heeded"),
]

WORDS = {signal.SIGINT: "token-guard: interrupted\n", signal.SIGTERM: "token-guard: terminated\n"}


class Command:
    """A command of the command line in a session of its own, as a terminal starts it."""

    def __init__(self, *arguments: str, folder: Path) -> None:
        environ = {**os.environ, "TOKEN_GUARD_STORE": f"sqlite:///{folder}/store.db", "TMPDIR": str(folder)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "token_guard", *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder, env=environ, start_new_session=True,
        )  # fmt: skip

    def descendants(self) -> list[int]:
        """Its processes, and theirs."""
        return list(_below(self.process.pid))

    def fill(self, content: bytes) -> None:
        """Write to its standard input, which stays open; back when all but the last of it was read."""
        assert self.process.stdin is not None
        self.process.stdin.write(content)
        self.process.stdin.flush()

    def end(self, number: signal.Signals, *, alone: bool = False) -> tuple[int, bytes, str, list[int]]:
        """What it leaves behind a signal, to it alone or to all that it has started as well: status, output, errors, living processes."""
        before = self.descendants()
        assert self.process.poll() is None, "it was over before it was interrupted"
        (os.kill if alone else os.killpg)(self.process.pid, number)
        out, err = self._rest()
        wait_for(lambda: not any(map(_lives, before)))
        return self.process.returncode, out, err.decode(), [one for one in before if _lives(one)]

    def _rest(self) -> tuple[bytes, bytes]:
        """Standard input is left open: who waits for its end would wait for ever."""
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.process.wait(60)
        return self.process.stdout.read(), self.process.stderr.read()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Command]]:
    started: list[Command] = []

    def begin(*arguments: str) -> Command:
        started.append(Command(*arguments, folder=tmp_path))
        return started[-1]

    yield begin
    for command in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(command.process.pid, signal.SIGKILL)
        command.process.wait()
        for pipe in (command.process.stdin, command.process.stdout, command.process.stderr):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def _below(process: int) -> Iterator[int]:
    with contextlib.suppress(OSError):
        for child in Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii").split():
            yield int(child)
            yield from _below(int(child))


def _lives(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_for(holds: Callable[[], bool]) -> None:
    while not holds():
        time.sleep(0.02)


def _log(folder: Path) -> str:
    """Sessions that take two processes minutes."""
    turns = [
        ({"role": "user", "content": f"Question {n}?"}, {"role": "assistant", "content": f"Answer {n}. " + f"word{n} " * 300})
        for n in range(150)
    ]
    messages = [message for turn in turns for message in turn]
    lines = (json.dumps({"id": str(n), "messages": messages, "model": "gpt-4o", "meta": {}}) for n in range(60))
    (folder / "log.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return "log.jsonl"


def _files(folder: Path) -> list[str]:
    """All but the store, which is kept."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("store.db"))


@pytest.mark.parametrize(
    ("number", "alone"), [(signal.SIGINT, False), (signal.SIGINT, True), (signal.SIGTERM, False), (signal.SIGTERM, True)]
)
def test_a_replay_that_is_interrupted_leaves_no_worker_and_no_half_a_page(
    start: Callable[..., Command], tmp_path: Path, number: signal.Signals, alone: bool
) -> None:
    command = start("replay", _log(tmp_path), "-n", "6000", "--workers", "2", "--html", "report.html")
    wait_for(lambda: len(command.descendants()) == 3 or command.process.poll() is not None)  # two workers, and what tracks their resources
    assert command.end(number, alone=alone) == (128 + number, b"", WORDS[number], [])
    assert _files(tmp_path) == ["log.jsonl"]


def test_workers_whose_command_is_killed_end_themselves(start: Callable[..., Command], tmp_path: Path) -> None:
    command = start("replay", _log(tmp_path), "-n", "6000", "--workers", "2")
    wait_for(lambda: command.process.poll() is not None or sum(map(_is_at_work, command.descendants())) == 2)
    status, *_, living = command.end(signal.SIGKILL, alone=True)
    assert (status, living) == (-signal.SIGKILL, [])


def _is_at_work(process: int) -> bool:
    """Whether it is a worker that has begun: by then it has a thread that watches over its parent."""
    with contextlib.suppress(OSError):
        return len(list(Path(f"/proc/{process}/task").iterdir())) > 1
    return False


def test_another_version_that_replays_is_ended_with_its_workers(start: Callable[..., Command], tmp_path: Path) -> None:
    """It is no part of the terminal's processes, and gets no signal of theirs."""
    _log(tmp_path)
    (tmp_path / "short.jsonl").write_text('{"messages": [{"role": "user", "content": "Hi"}]}', encoding="utf-8")
    python = tmp_path / "python-other"
    python.write_text(f"#!/bin/sh\nexec {sys.executable} -m token_guard replay log.jsonl -n 6000 --workers 2\n", encoding="utf-8")
    python.chmod(0o755)
    command = start("replay", "short.jsonl", "--against", str(python))
    wait_for(lambda: len(command.descendants()) == 4 or command.process.poll() is not None)
    assert command.end(signal.SIGINT) == (130, b"", WORDS[signal.SIGINT], [])


@pytest.mark.parametrize("number", WORDS)
def test_a_count_that_waits_for_a_pipe_is_interrupted_at_once(start: Callable[..., Command], number: signal.Signals) -> None:
    """A thread of it is in the middle of a read that nothing ends."""
    command = start("count", "-")
    command.fill(b"word " * 200_000)
    assert command.end(number, alone=True) == (128 + number, b"", WORDS[number], [])


def test_what_was_counted_before_an_interruption_is_kept(start: Callable[..., Command], tmp_path: Path) -> None:
    """The files of a folder, some of them by the thread that then waits for a pipe that gives nothing."""
    (tmp_path / "tree").mkdir()
    for n in range(70):
        (tmp_path / "tree" / f"{n:02}.txt").write_text(f"word {n} " * 100, encoding="utf-8")
    os.mkfifo(tmp_path / "silent")
    command = start("count", "tree", "silent")
    with contextlib.closing(_Writer(tmp_path / "silent")):  # back when the command has opened the pipe
        assert command.end(signal.SIGINT)[:3] == (130, b"", WORDS[signal.SIGINT])
    again = start("count", "tree", "--json")
    assert again.process.stdout is not None
    found = json.loads(again.process.stdout.read())
    assert (len(found["inputs"]), found["errors"]) == (70, [])
    assert sum(row.get("cached", False) for row in found["inputs"]) >= 70 % FILES_AT_A_TIME


class _Writer:
    """The end of a pipe that writes nothing."""

    def __init__(self, path: Path) -> None:
        self._number = os.open(path, os.O_WRONLY)

    def close(self) -> None:
        os.close(self._number)


@pytest.mark.parametrize("number", WORDS)
def test_a_compaction_is_interrupted_without_half_a_request(start: Callable[..., Command], number: signal.Signals) -> None:
    """A request that takes half a minute, read to its end."""
    turns: list[dict[str, Any]] = [
        {"role": ("user", "assistant")[n % 2], "content": f"Turn {n}. " + f"word{n} " * 600} for n in range(2_501)
    ]
    command = start("compact", "-", "-n", "50000")
    command.fill(json.dumps({"model": "gpt-4o", "messages": turns}).encode())
    assert command.process.stdin is not None
    command.process.stdin.close()
    assert command.end(number) == (128 + number, b"", WORDS[number], [])


def test_a_signal_waits_for_what_is_not_to_be_left_half_done() -> None:
    done: list[str] = []

    def both() -> None:
        with deferred():
            with deferred():
                os.kill(os.getpid(), signal.SIGTERM)
            done.append("whole")
        done.append("never")

    with _handled(), pytest.raises(Interrupted):
        both()
    assert done == ["whole"]


@contextlib.contextmanager
def _handled() -> Iterator[None]:
    """The handlers of a command without its end."""
    from token_guard.commands import interrupts

    before = signal.signal(signal.SIGTERM, interrupts._interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def test_what_is_ignored_stays_ignored() -> None:
    """As under nohup, and for what a script starts in the background."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interruptible():
            assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
