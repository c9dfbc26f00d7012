"""Work for the event loop and work for a thread: LiteLLM's hooks are asynchronous, all below them is not."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Final, ParamSpec, TypeVar

from token_guard.errors import where
from token_guard.proxy.pool import FairPool

__all__ = ["POOL", "away_from_the_loop", "in_the_background", "in_time", "is_short"]

logger = logging.getLogger("token_guard")

P = ParamSpec("P")
T = TypeVar("T")

INLINE = 8_192
"""Up to this cost work is done on the event loop: the hop to a thread takes 40 us, so many characters 80 us (1 ms when new)."""

ITEM = 32
"""What an item of a list, or a key with its value, costs beside its text, in characters: an empty part takes about 40 us, ten times as
long as so many characters of a long text; errs up for plain messages, of which 80 short ones are still handled at once."""

POOL: Final = FairPool()


async def away_from_the_loop(weighed: Any, function: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    """What a function returns, called in a thread when `weighed` (any JSON value) says that it has much to look at."""
    return await in_time(weighed, partial(function, *args, **options))


async def in_time(weighed: Any, work: Callable[[], T], *, caller: str = "", seconds: float | None = None, hasty: bool = False) -> T:
    """The same for work of a caller's that has so many seconds, from its beginning where it is in haste; raises TimeoutError when it
    takes longer."""
    return work() if is_short(weighed, INLINE) else await POOL(caller, work, seconds, hasty=hasty)


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

    threading.Thread(target=run, name=name, daemon=False).start()  # whoever begins it: a thread is what its maker is


def is_short(value: Any, cost: int) -> bool:
    """Whether a JSON value costs at most so much to look at, by its characters and its items; stops as soon as it costs more.

    >>> is_short([{"content": "Hello"}], 69), is_short([{"content": "Hello"}], 68), is_short([{}] * 1_000, 8_192)
    (True, False, False)
    """
    waiting = [value]
    while waiting and cost >= 0:
        value = waiting.pop()
        if isinstance(value, str):
            cost -= len(value)
        elif isinstance(value, (dict, list, tuple)):
            cost -= ITEM * len(value)
            if cost >= 0:
                waiting.extend(value.values() if isinstance(value, dict) else value)
    return cost >= 0
