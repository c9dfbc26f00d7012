"""Counting in the background: a bounded queue in which what somebody waits for comes before what can wait."""

from __future__ import annotations

import atexit
import heapq
import itertools
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, TypeAlias

from token_guard.counting.references import Reference
from token_guard.counting.retry import Retry
from token_guard.counting.service import CountingService
from token_guard.errors import CompressionError, QueueFullError, TooManyTasksError, TryAgainError

__all__ = ["CountingQueue", "Priority", "State", "Task", "TaskQueue"]

Priority: TypeAlias = Literal["interactive", "batch"]
State: TypeAlias = Literal["queued", "running", "done", "failed", "cancelled"]

RANKS: Mapping[Priority, int] = {"interactive": 0, "batch": 1}

REMEMBERED = 1_000
"""Tasks that are over and can still be asked about."""


@dataclass(frozen=True, slots=True)
class Task:
    """One job as it stands: `result` when it is done, `reason` when it failed; `owner` is who put it in the queue."""

    id: str
    priority: Priority
    owner: str = ""
    state: State = "queued"
    result: Any = None
    reason: str = ""
    attempts: int = 0

    @property
    def over(self) -> bool:
        """Whether nothing more will become of it."""
        return self.state in ("done", "failed", "cancelled")


class TaskQueue:
    """Jobs, done by threads of its own; safe to share between threads.

    A process that ends closes its queues, and waits for what is at work: native code is not to be cut off.
    """

    def __init__(
        self, *, capacity: int = 256, each: int | None = None, remembered: int = REMEMBERED, workers: int = 1, retry: Retry | None = None
    ) -> None:
        """`capacity` is that of the jobs that are not over, `each` how many of them may be one owner's; `remembered` are those that are
        over and can still be asked about. A job that may succeed a moment later is tried again behind the others."""
        self._capacity = capacity
        self._each = each or capacity
        self._remembered = remembered
        self._retry = retry or Retry()
        self._tasks: dict[str, Task] = {}
        self._jobs: dict[str, Callable[[], Any]] = {}
        self._waiting: list[tuple[int, int, str]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._later: set[threading.Timer] = set()
        self._closed = False
        self._threads = [threading.Thread(target=self._work, name="token_guard count queue", daemon=True) for _ in range(workers)]
        for thread in self._threads:
            thread.start()
        atexit.register(self.close)

    def put(self, work: Callable[[], Any], *, priority: Priority = "interactive", owner: str = "") -> str:
        """Put a job in the queue; its id. Raises QueueFullError when there are as many as may be, TooManyTasksError when the owner has."""
        with self._changed:
            if self._closed:
                raise QueueFullError("the queue of counting jobs is closed")
            if len(self._jobs) >= self._capacity:
                raise QueueFullError(f"{len(self._jobs)} counting jobs are waiting or at work, as many as may be; try again later")
            own = sum(self._tasks[task_id].owner == owner for task_id in self._jobs)
            if own >= self._each:
                raise TooManyTasksError(f"{own} counting jobs of yours are waiting or at work, as many as may be; cancel one, or wait")
            task = Task(secrets.token_urlsafe(12), priority, owner)
            self._tasks[task.id] = task
            self._jobs[task.id] = work
            self._queue(task)
        return task.id

    def status(self, task_id: str) -> Task | None:
        """A task as it stands; None where nobody knows it (any more)."""
        return self._tasks.get(task_id)

    def wait(self, task_id: str, seconds: float) -> Task | None:
        """A task when it is over, or as it stands after so many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: (task := self._tasks.get(task_id)) is None or task.over, seconds)
            return self._tasks.get(task_id)

    def cancel(self, task_id: str) -> bool:
        """Take a task out; whether it will not be done any more. What is at work already is finished, and its result dropped."""
        with self._changed:
            task = self._tasks.get(task_id)
            if task is None or task.over:
                return False
            self._end(replace(task, state="cancelled"))
            return True

    def close(self) -> None:
        """End the threads; what waits is cancelled."""
        atexit.unregister(self.close)
        with self._changed:
            self._closed = True
            for task in [task for task in self._tasks.values() if not task.over]:
                self._end(replace(task, state="cancelled"))
            timers = tuple(self._later)
            for timer in timers:
                timer.cancel()
            self._changed.notify_all()
        for thread in (*self._threads, *timers):
            thread.join()

    def _queue(self, task: Task) -> None:
        heapq.heappush(self._waiting, (RANKS[task.priority], next(self._numbers), task.id))
        self._changed.notify_all()

    def _work(self) -> None:
        while (taken := self._take()) is not None:
            task, work = taken
            try:
                over = replace(task, state="done", reason="", result=work())
            except TryAgainError as error:
                over = replace(task, state="queued" if task.attempts < self._retry.attempts else "failed", reason=str(error))
            except CompressionError as error:
                over = replace(task, state="failed", reason=str(error))
            except Exception as error:  # a thread that ends takes the queue with it
                over = replace(task, state="failed", reason=type(error).__name__)
            self._settle(over)

    def _take(self) -> tuple[Task, Callable[[], Any]] | None:
        """The next task, marked as running; None when the queue is closed."""
        with self._changed:
            while True:
                self._changed.wait_for(lambda: bool(self._waiting) or self._closed)
                if self._closed:
                    return None
                task_id = heapq.heappop(self._waiting)[2]
                work = self._jobs.get(task_id)
                if work is not None:  # else it was cancelled
                    task = self._tasks[task_id]
                    self._tasks[task_id] = running = replace(task, state="running", attempts=task.attempts + 1)
                    return running, work

    def _settle(self, task: Task) -> None:
        with self._changed:
            if self._tasks[task.id].over:  # cancelled while it was at work
                return
            if task.over:
                self._end(task)
                return
            self._tasks[task.id] = task
            timer = threading.Timer(self._retry.wait_seconds(task.attempts - 1), self._again, (task,))
            timer.daemon = True
            self._later.add(timer)
            timer.start()

    def _again(self, task: Task) -> None:
        with self._changed:
            self._later = {timer for timer in self._later if timer.is_alive() and timer is not threading.current_thread()}
            if not self._closed and task.id in self._jobs:
                self._queue(task)

    def _end(self, task: Task) -> None:
        """Note that a task is over, and forget the oldest that are."""
        self._jobs.pop(task.id, None)
        self._tasks.pop(task.id, None)
        self._tasks[task.id] = task
        over = [known.id for known in self._tasks.values() if known.over]
        for task_id in over[: max(0, len(over) - self._remembered)]:
            del self._tasks[task_id]
        self._changed.notify_all()


class CountingQueue(TaskQueue):
    """Jobs for a counting service."""

    def __init__(self, service: CountingService, **options: Any) -> None:
        super().__init__(**options)
        self._service = service

    def submit(
        self,
        reference: Reference,
        model: str | None = None,
        variables: Mapping[str, str] | None = None,
        *,
        priority: Priority = "interactive",
    ) -> str:
        """Put what is to be counted in the queue; the id of its task. Raises as `put` does."""
        return self.put(partial(self._service.count_once, reference, model, variables or {}), priority=priority)
