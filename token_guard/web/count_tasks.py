"""Counts that take long: tasks of the keys that asked for them, in this worker's memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Final

from fastapi import HTTPException

from token_guard.counting.tasks import Task, TaskQueue
from token_guard.errors import QueueFullError, TokenCountError, TooManyTasksError
from token_guard.web.asked import BadRequestError
from token_guard.web.viewer import Viewer

__all__ = ["CountTasks"]

CAPACITY: Final = 16
"""Tasks that wait or are at work: each keeps its request, of up to many megabytes, in memory."""
EACH: Final = 4
"""Of them those of one key, so that nobody takes all places."""
REMEMBERED: Final = 256

AGAIN_SECONDS: Final = 5
"""When a caller is told to come back: a task of a few megabytes takes about as long."""


class CountTasks:
    """Tasks of this worker; a key sees and cancels its own, an administrator all."""

    def begin(self, count: Callable[[], Mapping[str, Any]], viewer: Viewer) -> dict[str, Any]:
        """Queue a count; 429 where the key has as many as it may, 503 where all places are taken."""
        try:
            task = self._queue.status(self._queue.put(lambda: _done(count), priority="batch", owner=viewer.owner))
        except QueueFullError as error:
            status = 429 if isinstance(error, TooManyTasksError) else 503
            raise HTTPException(status, str(error), headers={"retry-after": str(AGAIN_SECONDS)}) from None
        return _as_json(task) if task else {}

    def status(self, task_id: str, viewer: Viewer) -> dict[str, Any]:
        """A task as it stands; 404 where this key has none of that name here."""
        return _as_json(self._own(task_id, viewer, viewer.sees_all))

    def cancel(self, task_id: str, viewer: Viewer) -> dict[str, Any]:
        """A task after it was taken out; one that is over stays as it is. What is at work is finished, and its result dropped."""
        task = self._own(task_id, viewer, viewer.deletes_all)
        self._queue.cancel(task.id)
        return _as_json(self._own(task_id, viewer, viewer.deletes_all))

    def close(self) -> None:
        """End the thread; what waits is cancelled."""
        self._queue.close()

    @cached_property
    def _queue(self) -> TaskQueue:
        """Made with its thread when somebody first asks for a task."""
        return TaskQueue(capacity=CAPACITY, each=EACH, remembered=REMEMBERED)

    def _own(self, task_id: str, viewer: Viewer, all_of_them: bool) -> Task:
        task = self._queue.status(task_id)
        if task is None or not (all_of_them or task.owner == viewer.owner):
            raise HTTPException(404, "no such task of this key; tasks are known to the worker that took them, until others have come")
        return task


def _done(count: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
    try:
        return count()
    except BadRequestError as error:
        raise TokenCountError(str(error)) from None


def _as_json(task: Task) -> dict[str, Any]:
    told: dict[str, Any] = {"task": task.id, "state": task.state}
    if task.state == "done":
        return {**told, "result": task.result}
    return {**told, "reason": task.reason} if task.reason else told
