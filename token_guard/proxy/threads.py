"""Work for the event loop and work for a thread: LiteLLM's hooks are asynchronous, all below them is not."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, ParamSpec, TypeVar

from token_guard.errors import where

__all__ = ["away_from_the_loop", "in_the_background", "is_short"]

logger = logging.getLogger("token_guard")

P = ParamSpec("P")
T = TypeVar("T")

INLINE_CHARACTERS = 8_192
"""Up to this much text is handled on the event loop: the hop to a thread takes 40 us, a request of this size 80 us (1 ms when new)."""


async def away_from_the_loop(text: Any, function: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    """What a function returns, called in a thread when it has much `text` (any JSON value) to look at."""
    if is_short(text, INLINE_CHARACTERS):
        return _called(partial(function, *args, **options))
    return await asyncio.to_thread(_called, partial(function, *args, **options))


def in_the_background(job: Callable[[], object], name: str) -> None:
    """Do a job that nobody waits for. A process that ends meanwhile waits until it is done: native code is not to be cut off.

    Where the process is ending before the job is, Python starts no more threads for it; that is no failure, and neither is any other
    end of the job that leaves the work to those who need it.
    """

    def run() -> None:
        try:
            job()
        except BaseException as error:  # tokenizers in Rust panic with a BaseException
            if threading.main_thread().is_alive():
                logger.warning("%s failed (%s)", name, where(error))

    threading.Thread(target=run, name=name).start()


def _called(function: Callable[[], T]) -> T:
    try:
        return function()
    except StopIteration as error:  # before Python 3.12 a future cannot hold it: whoever awaits the thread would wait for ever
        raise RuntimeError("StopIteration") from error


def is_short(value: Any, characters: int) -> bool:
    """Whether all texts in a JSON value together have at most so many characters; stops as soon as they have more.

    >>> is_short({"messages": [{"content": "Hello"}]}, 5), is_short(["Hello", "you"], 5)
    (True, False)
    """
    waiting = [value]
    while waiting and characters >= 0:
        value = waiting.pop()
        if isinstance(value, str):
            characters -= len(value)
        elif isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return characters >= 0
