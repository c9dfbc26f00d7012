"""Ctrl-C and SIGTERM: what is open is closed, nothing is left half done, and the process ends at once, with the status of a shell."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

__all__ = ["Interrupted", "deferred", "interruptible"]

WORDS: Mapping[int, str] = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}

ABOVE = 128
"""What shells add to the number of a signal for the exit status: 130 for Ctrl-C, 143 for SIGTERM."""


class Interrupted(BaseException):
    """The user, or who runs the machine, wants the process to end; no error, so that nothing takes it for one."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@dataclass(slots=True)
class _State:
    """How many things are under way that are finished first, and the signal that waits for them."""

    deferring: int = 0
    waiting: int = 0


_state = _State()


@contextmanager
def interruptible() -> Iterator[None]:
    """End the process on a signal, after all that is open within was closed, with one line on standard error.

    What is ignored stays so, as under nohup. Elsewhere than in the main thread nothing is done: signals are not its own.
    """
    before = {number: signal.getsignal(number) for number in WORDS} if threading.current_thread() is threading.main_thread() else {}
    mine = [number for number, handler in before.items() if handler in (signal.SIG_DFL, signal.default_int_handler)]
    for number in mine:
        signal.signal(number, _interrupt)
    try:
        yield
    except Interrupted as interrupted:
        for number in mine:
            signal.signal(number, signal.SIG_IGN)
        _leave(interrupted.number)
    finally:
        for number in mine:
            signal.signal(number, before[number])


@contextmanager
def deferred() -> Iterator[None]:
    """Finish what must not be left half done; a signal that comes meanwhile is raised behind it."""
    _state.deferring += 1
    try:
        yield
    finally:
        _state.deferring -= 1
        if not _state.deferring and _state.waiting:
            number, _state.waiting = _state.waiting, 0
            raise Interrupted(number)


def _interrupt(number: int, _frame: FrameType | None) -> None:
    if not _state.deferring:
        raise Interrupted(number)
    _state.waiting = number


def _leave(number: int) -> NoReturn:
    """Without a wait for threads, which may be in native code, counting, or wait for a server; what was not printed yet is dropped."""
    sys.stderr.write(f"token-guard: {WORDS[number]}\n")
    sys.stderr.flush()
    atexit._run_exitfuncs()  # stores are closed, and what processes shared is freed
    os._exit(ABOVE + number)
