"""What turns text into a number of tokens: tiktoken, the reference, and fastokens, the same counts 6 to 9 times faster.

tiktoken loads in 0.2 s and serves at once. Where the extra `fast` is installed, fastokens loads beside it in a thread (1.2 s) and
takes over when it has agreed with tiktoken on the texts of the self-test; else a warning says why and tiktoken stays. Who counts
once and ends knows how much there is to count, and loads one of them alone: `settle`.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import importlib.util
import logging
import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from token_guard.counting.encodings import ENCODINGS, rank_file, ranks
from token_guard.counting.slices import signed, slices
from token_guard.counting.vocabularies import VOCABULARIES, counter_of
from token_guard.errors import TokenCountError

__all__ = ["SELF_TEST", "TIKTOKEN_COUNTS", "WORTH", "Engine", "engine_for", "frugal", "settle", "total", "warm_up"]


@dataclass(frozen=True, slots=True)
class Engine:
    """A tokenizer at work; `count` gives the tokens of one slice of well-formed text."""

    name: str
    count: Callable[[str], int]


FAST = ("o200k_base", "cl100k_base")
"""The encodings that fastokens knows by name."""

SELF_TEST = (
    "",
    "The quick brown fox jumps over the lazy dog's back; it didn't look.",
    "def f(x: int) -> str:\n    return f'{x:>8}'  # 12345678\n\n\tpass\r\n",
    '{"id": "call_9f3Ab", "ok": true, "n": [1, 22, 333, 4444], "s": "\\u00e9"}',
    "/usr/lib/python3.11//site-packages\n/\n/x HTTPServerError camelCaseIDs __init__",
    "Größe Ærø naïve Ωμέγα Привет 你好,世界 こんにちは 안녕하세요 مرحبا हिन्दी ไทย",
    "😀👩\u200d👩\u200d👧🇩🇪 \u200b\u00ade\u0301\u0300 ﷺ \ufffd",
    "<|endoftext|><|im_start|>system<|endofprompt|>",
    "        \t\t\n\n\n   x    \n  ",
    "a" * 300 + " " * 300 + "=" * 300 + "7" * 300,
)
"""Ordinary and hostile texts on which an engine must agree with tiktoken before it is used."""

TIKTOKEN_COUNTS = {
    "o200k_base": (0, 15, 27, 41, 22, 24, 20, 20, 6, 146),
    "cl100k_base": (0, 17, 26, 41, 20, 45, 30, 20, 6, 147),
}
"""What tiktoken counts of the texts of the self-test: both engines together take a third more memory than the faster one alone."""

WORTH = 16_000_000
"""Characters from which loading fastokens (1.2 s) and counting with it takes less time than loading tiktoken (0.2 s, then 14 million
a second)."""

_log = logging.getLogger("token_guard")
_lock = threading.Lock()
_engines: dict[str, Engine] = {}
_upgrades: dict[str, threading.Thread] = {}


def engine_for(encoding: str) -> Engine:
    """The fastest engine of an encoding that is ready now; the first call loads tiktoken's."""
    return _engines.get(encoding) or _load(encoding)


def total(engine: Engine, chunks: Iterable[str]) -> int:
    """Tokens of a well-formed text of any size that arrives in chunks."""
    return sum(map(signed(engine.count), slices(chunks)))


def warm_up(encoding: str) -> str:
    """Load every engine of an encoding, wait for it, and name the one in use."""
    engine_for(encoding)
    if upgrade := _upgrades.get(encoding):
        upgrade.join()
    return _engines[encoding].name


def settle(encoding: str, characters: int) -> None:
    """Load the one engine that has so many characters counted soonest, and no other; nothing where one is loaded already."""
    with _lock:
        if encoding in _engines or encoding not in FAST:
            return
        wanted = characters >= WORTH and importlib.util.find_spec("fastokens") is not None
        fast = _fastokens_that_agrees(encoding) if wanted else None
        _engines[encoding] = fast or _tiktoken(encoding)
        _trim()  # 20 MB of what fastokens was made from


def frugal(encoding: str) -> Engine:
    """From now on tiktoken alone, whose memory does not grow: fastokens keeps tables of the words that it has seen, up to 200 MB."""
    with _lock:
        _engines.pop(encoding, None)  # before the other one is loaded: both together are what there is no room for
        _trim()
        _engines[encoding] = _tiktoken(encoding)
        _trim()
        return _engines[encoding]


def _trim() -> None:
    """Give freed memory back, where the C library (glibc) keeps it for itself."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:
        trim(0)


def _load(encoding: str) -> Engine:
    with _lock:
        if encoding not in _engines:
            _engines[encoding] = _by_package(encoding) if encoding in VOCABULARIES else _tiktoken(encoding)
            _start_upgrade(encoding)
        return _engines[encoding]


def _by_package(vocabulary: str) -> Engine:
    count = counter_of(vocabulary)
    if count is None:
        raise TokenCountError(f"no package at hand counts by {vocabulary}")
    return Engine(VOCABULARIES[vocabulary].module, count)


def _start_upgrade(encoding: str) -> None:
    if encoding not in FAST or importlib.util.find_spec("fastokens") is None:
        return
    # no daemon, whoever asks first (a thread is what the thread is that makes it): a process that ends while native code is loading in
    # one may abort
    _upgrades[encoding] = threading.Thread(target=_upgrade, args=(encoding,), name=f"load fastokens {encoding}", daemon=False)
    _upgrades[encoding].start()


def _upgrade(encoding: str) -> None:
    if engine := _fastokens_that_agrees(encoding):
        _engines[encoding] = engine
        _tiktoken.cache_clear()  # 80 MB that nobody needs any more


def _fastokens_that_agrees(encoding: str) -> Engine | None:
    """Fastokens where it counts as tiktoken does; else None, and a warning."""
    try:
        engine = _fastokens(encoding)
        counted = zip(SELF_TEST, TIKTOKEN_COUNTS[encoding], strict=True)
        differs = next((text for text, tokens in counted if engine.count(text) != tokens), None)
    except Exception as error:  # whatever a broken wheel raises, the reference engine goes on
        _log.warning("fastokens cannot be used for %s, counting with tiktoken: %s", encoding, error)
        return None
    if differs is not None:
        _log.warning("fastokens disagrees with tiktoken on %r (%s), counting with tiktoken", differs, encoding)
        return None
    return engine


@functools.cache
def _tiktoken(encoding: str) -> Engine:
    import tiktoken

    loaded = tiktoken.Encoding(encoding, pat_str=ENCODINGS[encoding].pattern, mergeable_ranks=ranks(encoding), special_tokens={})
    encode = loaded.encode_ordinary
    return Engine("tiktoken", lambda text: len(encode(text)))


def _fastokens(encoding: str) -> Engine:
    # no type stubs, and often not installed
    loaded = importlib.import_module("fastokens").Tokenizer.from_tiktoken(str(rank_file(encoding)), encoding=encoding, special_tokens={})
    # the first call builds tables for 0.1 s: a batch does so without the GIL
    loaded.encode_batch(["warm up"])
    encode = loaded.encode_batch_flat
    # 4 bytes a token; a list of numbers would be made under the GIL, in as much time as the encoding takes
    return Engine("fastokens", lambda text: len(encode([text])[0]) // 4)
