"""A source tree counted: a loop of tiktoken over its files, and the counting service, first and again.

Run by hand: `python benchmarks/tree.py [--files 5000] [--folder F] [--engine tiktoken] [--rounds 5]`. Every round is a process of its own,
because engines remember the words that they have seen; in each the three are timed one after the other, engines loaded, store on disk.
The loop reads files as bytes stand in them. Ratios are the loop's time over ours, medians of the rounds.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import sysconfig
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple, TypeVar

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

T = TypeVar("T")

MODEL, ENCODING = "gpt-4o", "o200k_base"


class Round(NamedTuple):
    """Seconds that each took."""

    loop: float
    first: float
    again: float


def timed(job: Callable[[], T]) -> tuple[float, T]:
    """How long a job took, and what it gave."""
    begun = time.perf_counter()
    result = job()
    return time.perf_counter() - begun, result


def one_round(paths: list[str], engine: str) -> Round:
    """All three, in this process; raises ValueError where they do not agree."""
    if engine == "tiktoken":
        found = importlib.util.find_spec
        importlib.util.find_spec = lambda name, *more: None if name == "fastokens" else found(name, *more)  # type: ignore[assignment]
    import tiktoken

    from token_guard.commands.readings import reading
    from token_guard.counting.encodings import ENCODINGS, ranks
    from token_guard.counting.engines import warm_up
    from token_guard.counting.references import Counted, File
    from token_guard.counting.service import CountingService
    from token_guard.stores import open_store

    warm_up(ENCODING)
    encoding = tiktoken.Encoding(ENCODING, pat_str=ENCODINGS[ENCODING].pattern, mergeable_ranks=ranks(ENCODING), special_tokens={})

    def loop() -> int:
        return sum(len(encoding.encode_ordinary(Path(path).read_bytes().decode("utf-8-sig", "replace"))) for path in paths)

    def counted(url: str) -> int:
        store = open_store(url)
        service = CountingService(store, reader=reading)
        try:
            return sum(one.tokens for one in service.count_all([File(path) for path in paths], MODEL) if isinstance(one, Counted))
        finally:
            service.close()
            store.close()

    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/store.db"
        open_store(url).close()
        (by_loop, tokens), (first, told), (again, known) = timed(loop), timed(lambda: counted(url)), timed(lambda: counted(url))
    if not tokens == told == known:
        raise ValueError(f"tiktoken counts {tokens:,}, the service {told:,} and {known:,}")
    return Round(by_loop, first, again)


def main() -> None:
    """Time every round in a process of its own, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=5_000)
    parser.add_argument("--folder", type=Path, default=Path(sysconfig.get_path("purelib")))
    parser.add_argument("--engine", choices=("fastest", "tiktoken"), default="fastest")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    paths = [str(path) for path in islice((path for path in options.folder.rglob("*.py") if path.stat().st_size), options.files)]
    rounds: list[Round] = []
    for number in range(options.rounds):
        with get_context("spawn").Pool(1) as process:
            rounds.append(process.apply(one_round, (paths, options.engine)))
        one = rounds[-1]
        print(f"round {number}: loop {one.loop:.2f} s, first {one.first:.2f} s, again {one.again:.3f} s")
    first = statistics.median(one.loop / one.first for one in rounds)
    again = statistics.median(one.loop / one.again for one in rounds)
    print(f"{len(paths):,} files: first {first:.1f} times as fast as the loop, again {again:.1f} times")


if __name__ == "__main__":
    main()
