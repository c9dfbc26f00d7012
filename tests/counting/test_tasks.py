from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping

import pytest

from token_guard.counting.references import Counted, Reference, Words
from token_guard.counting.retry import Retry
from token_guard.counting.service import CountingService
from token_guard.counting.tasks import CountingQueue, TaskQueue
from token_guard.errors import QueueFullError, TokenCountError, TryAgainError

AT_ONCE = Retry(first_wait_seconds=0.0)


class Gate(CountingService):
    """A service that counts nothing before its gate is opened, and remembers in which order it was asked."""

    def __init__(self, behave: Callable[[str], None] = lambda _text: None) -> None:
        super().__init__()
        self.opened = threading.Event()
        self.asked: list[str] = []
        self.behave = behave

    def count_once(self, reference: Reference, model: str | None = None, variables: Mapping[str, str] = {}) -> Counted:
        assert isinstance(reference, Words)
        self.asked.append(reference.text)
        self.opened.wait(10)
        self.behave(reference.text)
        return super().count_once(reference, model, variables)


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def queue(gate: Gate) -> Iterator[CountingQueue]:
    queue = CountingQueue(gate, capacity=4, retry=AT_ONCE)
    yield queue
    gate.opened.set()
    queue.close()


def _busy(queue: CountingQueue, gate: Gate) -> str:
    """A task that is at work."""
    first = queue.submit(Words("first"))
    while not gate.asked:
        pass
    return first


def test_a_task_is_counted(queue: CountingQueue, gate: Gate) -> None:
    gate.opened.set()
    task = queue.wait(queue.submit(Words("Hello world")), 10)
    assert task is not None
    assert task.state == "done"
    assert task.result is not None
    assert task.result.tokens == 2


def test_what_somebody_waits_for_comes_before_what_can_wait(queue: CountingQueue, gate: Gate) -> None:
    _busy(queue, gate)
    tasks = [queue.submit(Words("batch"), priority="batch"), queue.submit(Words("interactive"))]
    gate.opened.set()
    for task in tasks:
        queue.wait(task, 10)
    assert gate.asked == ["first", "interactive", "batch"]


def test_a_full_queue_says_so(queue: CountingQueue, gate: Gate) -> None:
    _busy(queue, gate)
    for _ in range(3):
        queue.submit(Words("more"))
    with pytest.raises(QueueFullError, match="4 counting jobs are waiting or at work"):
        queue.submit(Words("one too many"))


def test_status_tells_a_task_as_it_stands(queue: CountingQueue, gate: Gate) -> None:
    first, second = _busy(queue, gate), queue.submit(Words("second"))
    assert [queue.status(task).state for task in (first, second)] == ["running", "queued"]  # type: ignore[union-attr]
    assert queue.status("nobody's") is None


def test_a_cancelled_task_is_not_done(queue: CountingQueue, gate: Gate) -> None:
    first, second = _busy(queue, gate), queue.submit(Words("second"))
    assert queue.cancel(second)
    assert queue.cancel(first)
    assert not queue.cancel(first)
    gate.opened.set()
    third = queue.submit(Words("third"))
    assert queue.wait(third, 10).state == "done"  # type: ignore[union-attr]
    assert gate.asked == ["first", "third"]
    assert queue.status(first).state == queue.status(second).state == "cancelled"  # type: ignore[union-attr]
    assert queue.status(first).result is None  # type: ignore[union-attr]


def test_what_may_succeed_later_is_tried_again_and_gives_up_in_the_end() -> None:
    failures = iter([True, False])

    def behave(text: str) -> None:
        if text == "never" or (text == "later" and next(failures)):
            raise TryAgainError("busy")
        if text == "wrong":
            raise TokenCountError("no such page")
        if text == "broken":
            raise ZeroDivisionError

    gate = Gate(behave)
    gate.opened.set()
    queue = CountingQueue(gate, retry=AT_ONCE)
    ended = {text: queue.wait(queue.submit(Words(text)), 10) for text in ("later", "never", "wrong", "broken")}
    queue.close()
    told = {text: (task.state, task.reason, task.attempts) for text, task in ended.items() if task}
    assert told == {
        "later": ("done", "", 2),
        "never": ("failed", "busy", 3),
        "wrong": ("failed", "no such page", 1),
        "broken": ("failed", "ZeroDivisionError", 1),
    }


def test_a_closed_queue_leaves_no_thread_and_takes_nothing() -> None:
    before = set(threading.enumerate())
    queue = CountingQueue(CountingService())
    queue.close()
    assert set(threading.enumerate()) <= before
    with pytest.raises(QueueFullError, match="closed"):
        queue.submit(Words("late"))


def test_a_process_that_ends_waits_for_what_is_at_work_and_drops_what_waits() -> None:
    """The queue is left open; its thread is not cut off in the middle of a count."""
    code = (
        "import threading, time; from token_guard.counting.tasks import TaskQueue\n"
        "begun, queue = threading.Event(), TaskQueue()\n"
        "def count(): begun.set(); time.sleep(0.3); print('counted')\n"
        "queue.put(count); queue.put(lambda: print('never')); begun.wait()"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "counted\n", "")


def test_closing_leaves_nobody_who_would_try_again() -> None:
    def busy() -> None:
        raise TryAgainError("busy")

    queue = TaskQueue(retry=Retry(first_wait_seconds=60.0))
    task = queue.put(busy)
    while (found := queue.status(task)) is None or found.attempts == 0 or found.state == "running":
        pass
    timers = set(queue._later)
    queue.close()
    assert timers
    assert not any(timer.is_alive() for timer in timers)
