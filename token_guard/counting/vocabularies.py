"""Models' own vocabularies, where an extra has installed the package that ships one: their own counts, slower than an estimate.

`token-guard[claude]` brings ctok, a reconstruction of Claude's vocabularies from published counts; `token-guard[gemini]` brings
splintr-rs, which ships the vocabulary of Gemma, the one that Google's own SDK counts Gemini with. Neither downloads anything.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["VOCABULARIES", "Vocabulary", "counter_of", "is_installed"]

_log = logging.getLogger("token_guard")

Counter: TypeAlias = Callable[[str], int]

PROBE = "Hello, world: 12345 naïve tokens\n"


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The module that ships a vocabulary, how it is loaded, what it counts for the probe, and about how fast it counts."""

    module: str
    load: Callable[[], Counter]
    probe: int
    characters_per_second: int


def _claude(version: str) -> Counter:
    count: Callable[[str, str], int] = importlib.import_module("ctok").token_count
    frame = count("a", version) - 1  # it counts a whole message; "a" is one token of each version
    return lambda text: count(text, version) - frame if text else 0


def _gemma() -> Counter:
    encode: Callable[[str], list[int]] = importlib.import_module("splintr").Tokenizer.from_pretrained("gemma3").encode_ordinary
    return lambda text: len(encode(text))


VOCABULARIES = {
    # what they do on a core that is not much busy: ctok 0.3 to 0.5 MB a second, splintr's Gemma 2 to 5
    "claude-3": Vocabulary("ctok", functools.partial(_claude, "3.0"), 12, 300_000),
    "claude-4.7": Vocabulary("ctok", functools.partial(_claude, "4.7"), 16, 300_000),
    "gemma-3": Vocabulary("splintr", _gemma, 13, 2_000_000),
}
"""By the names that families have for them."""


@functools.cache
def is_installed(name: str) -> bool:
    """Whether the package that ships a vocabulary is there."""
    return importlib.util.find_spec(VOCABULARIES[name].module) is not None


@functools.cache
def counter_of(name: str) -> Counter | None:
    """What counts the tokens of a text by a vocabulary, loaded once (0.2 to 0.8 s); None, with a warning, where its package does not
    count what it did when this was written."""
    vocabulary = VOCABULARIES[name]
    try:
        counter = vocabulary.load()
        found: object = counter(PROBE)
    except Exception as error:  # whatever a broken or a changed package raises, the estimate goes on
        found = error
    if found == vocabulary.probe:
        return counter
    _log.warning("%s cannot be used for %s, estimates stay: %s where %s was expected", vocabulary.module, name, found, vocabulary.probe)
    return None
