"""Counts in the background: queued, fetched, cancelled; full is said, and nobody sees another key's."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import World
from fastapi import HTTPException
from page_keys import ADMIN, ANN, BOB

from token_guard.web.count_tasks import CAPACITY, EACH, CountTasks
from token_guard.web.viewer import Viewer

ONE, OTHER, ADMINISTRATOR = Viewer("one"), Viewer("other"), Viewer("admin", sees_all=True, deletes_all=True)


class Held:
    """A count that takes until it is let go."""

    def __init__(self) -> None:
        self.begun, self.let_go = threading.Event(), threading.Event()

    def __call__(self) -> dict[str, Any]:
        self.begun.set()
        self.let_go.wait(10)
        return {"tokens": 1}


@pytest.fixture
def held() -> Held:
    return Held()


@pytest.fixture
def tasks(held: Held) -> Iterator[CountTasks]:
    tasks = CountTasks()
    yield tasks
    held.let_go.set()
    tasks.close()


def status(tasks: CountTasks, task: dict[str, Any], viewer: Viewer) -> Any:
    try:
        return tasks.status(task["task"], viewer)["state"]
    except HTTPException as refused:
        return refused.status_code


def test_a_key_sees_and_cancels_only_its_own(tasks: CountTasks, held: Held) -> None:
    tasks.begin(held, ONE)
    waits = tasks.begin(held, ONE)
    assert [status(tasks, waits, viewer) for viewer in (ONE, OTHER, ADMINISTRATOR)] == ["queued", 404, "queued"]
    with pytest.raises(HTTPException) as refused:
        tasks.cancel(waits["task"], OTHER)
    assert refused.value.status_code == 404
    assert tasks.cancel(waits["task"], ONE)["state"] == "cancelled"


def test_what_is_at_work_can_be_cancelled_and_its_result_is_dropped(tasks: CountTasks, held: Held) -> None:
    task = tasks.begin(held, ONE)
    held.begun.wait(10)
    assert tasks.cancel(task["task"], ONE) == {"task": task["task"], "state": "cancelled"}
    held.let_go.set()
    tasks._queue.wait(tasks.begin(dict, ONE)["task"], 10)
    assert status(tasks, task, ONE) == "cancelled"


def test_a_full_queue_says_so_and_one_key_does_not_fill_it(tasks: CountTasks, held: Held) -> None:
    for _ in range(EACH):
        tasks.begin(held, ONE)
    refused = []
    for viewer in [ONE, *(Viewer(str(number // EACH)) for number in range(CAPACITY))]:
        try:
            tasks.begin(held, viewer)
        except HTTPException as error:
            refused.append((error.status_code, error.headers))
    assert refused == [(429, {"retry-after": "5"})] + [(503, {"retry-after": "5"})] * EACH


def test_a_task_says_what_the_answer_at_once_says(world: World) -> None:
    body = {"text": "How many tokens is this?"}
    begun = world.count(**body, background=True)
    assert (begun.status_code, begun.headers["location"]) == (202, f"/token-guard/count/{begun.json()['task']}")
    path = f"count/{begun.json()['task']}"
    deadline = time.monotonic() + 20
    while (found := world.ask(path, ANN).json())["state"] in ("queued", "running"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert found["result"] == world.count(**body).json()
    assert [world.ask(path, key).status_code for key in ("", BOB, ADMIN)] == [401, 404, 200]
    assert world.ask(path, ANN, "DELETE").json()["state"] == "done"


def test_what_is_wrong_with_a_task_is_told_with_it(world: World) -> None:
    assert world.count(text="Hi", preview=True, background=True).status_code == 400
    begun = world.count(request={"messages": 3}, background=True).json()
    deadline = time.monotonic() + 20
    while (found := world.ask(f"count/{begun['task']}", ANN).json())["state"] != "failed":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert "messages" in found["reason"]
