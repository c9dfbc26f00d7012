"""What compactions left of a conversation: of its names and sentences, and of what in it matters to the present."""

from __future__ import annotations

import math
import re
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from token_guard.compaction import deeds, facts, reports, rules
from token_guard.compaction.blocks import NAMES
from token_guard.compaction.lines import read
from token_guard.compaction.pins import pinned, tail_start
from token_guard.compaction.remembered import remembered
from token_guard.conversation import Message
from token_guard.marks import is_note
from token_guard.report import Quality, Retained, Rules

__all__ = ["quality"]

NUMBER = re.compile(r"[#.@/\-]*\d[\d.\-]*$")
"""What is no number and no path among names is an identifier."""

EXTENSION_CHARS = range(1, 6)
"""A name that ends in a dot and so many letters is a file's: .c to .ipynb; `self.parse_line` is an identifier."""

WORD = re.compile(r"[^\W\d_]{3,}")
ENOUGH, MOST_LINES = 3, 12
"""So many words of the line that a name stood in, or half of them, say what it is; and so many lines are looked at for one name."""

PRESENT = 6
"""The newest messages, whose names say what the conversation is about now; three exchanges, as in the scoring of pass 2."""


MANY, SAMPLED = 2_000, 512
"""Messages that are all read, more than hardly any session has; of more, so many older ones and so many of the newest."""


@dataclass(frozen=True, slots=True)
class _Facts:
    """The different names of one message, and its sentences by kind."""

    names: frozenset[str]
    sentences: Mapping[str, frozenset[str]]


def quality(before: Sequence[Message], after: Sequence[Message]) -> Quality:
    """How much `after` still holds of `before`; of a very long history it is what a part of its messages, taken evenly, shows."""
    before = _sample(before)
    told = [_facts_of(message) for message in before]
    changed = [message for message in after if is_note(message) or message.edited]
    whole = {message.index for message in after if message.index is not None and not message.edited}
    left = [found for found, message in zip(told, before, strict=True) if message.index in whole]
    had = _union(found.names for found in told)
    has = _union((*(found.names for found in left), *map(_names, changed)))
    written = "\n".join(_plain(message.text) for message in changed)
    sentences = {kind: _share(*_sentences(kind, told, left, written)) for kind in SENTENCES}
    shares = {kind: _share(members, has) for kind, members in _by_kind(had).items()}
    gone = [message for message in before if message.index not in whole]
    account = _Account.of(changed)
    return Quality(
        account.bound(_again(told), _union(found.names for found in left), gone),
        Retained(**shares, **sentences),
        _relevance(before, after, told),
        _share(had, has),
        account.changes(before, gone),
        _rules(before, after),
    )


def _sample(messages: Sequence[Message]) -> Sequence[Message]:
    """Every so many-th message of very many, and the newest ones; all of fewer."""
    if len(messages) <= MANY:
        return messages
    older = messages[:-SAMPLED]
    return (*older[:: len(older) // SAMPLED], *messages[-SAMPLED:])


def _share(had: frozenset[str], has: frozenset[str]) -> float:
    return round(len(had & has) / len(had), 4) if had else 1.0


def _by_kind(names: frozenset[str]) -> Mapping[str, frozenset[str]]:
    numbers = frozenset(name for name in names if NUMBER.fullmatch(name))
    paths = frozenset(name for name in names - numbers if _is_path(name))
    return {"numbers": numbers, "paths": paths, "identifiers": names - numbers - paths}


def _is_path(name: str) -> bool:
    """Whether the name has a folder or an extension.

    >>> [_is_path(name) for name in ("src/app", "app.py", "self.parse_line", "user_id")]
    [True, True, False, False]
    """
    _, dot, extension = name.rpartition(".")
    return "/" in name or bool(dot and len(extension) in EXTENSION_CHARS and extension.isalpha())


def _sentences(kind: str, told: Iterable[_Facts], left: Iterable[_Facts], written: str) -> tuple[frozenset[str], frozenset[str]]:
    """Those that there were, and those that are there: in messages that stayed whole, or quoted in what compaction wrote."""
    had = _union(found.sentences[kind] for found in told)
    whole = _union(found.sentences[kind] for found in left)
    return had, whole | {sentence for sentence in had - whole if sentence in written}


def _union(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*sets)


# -- reading --------------------------------------------------------------------------------------------------------------


def _error_lines(message: Message) -> Iterable[str]:
    for result in message.results:
        yield from reports.error_lines(result.text)


def _decisions(message: Message) -> Iterable[str]:
    return _decided(message.said) if message.role == "assistant" else ()


def _directives(message: Message) -> Iterable[str]:
    return _demanded(message.said) if message.role not in ("assistant", "tool") else ()


@remembered
def _decided(text: str) -> tuple[str, ...]:
    return tuple(facts.decisions(text))


@remembered
def _demanded(text: str) -> tuple[str, ...]:
    return tuple(facts.directives(text))


SENTENCES: Mapping[str, Callable[[Message], Iterable[str]]] = {
    "error_lines": _error_lines,
    "decisions": _decisions,
    "directives": _directives,
}
"""The kinds of sentences that are to be kept, and where they are found: those that the ledger keeps."""


def _facts_of(message: Message) -> _Facts:
    return _Facts(_names(message), {kind: frozenset(map(_plain, find(message))) for kind, find in SENTENCES.items()})


def _names(message: Message) -> frozenset[str]:
    return frozenset(facts.names_of(message))


def _plain(text: str) -> str:
    return " ".join(text.split())


# -- what is told ---------------------------------------------------------------------------------------------------------


def _again(told: Iterable[_Facts]) -> frozenset[str]:
    """Names that the history comes back to: more than one message has them."""
    spread = Tally(name for found in told for name in found.names)
    return frozenset(name for name, messages in spread.items() if messages > 1)


@dataclass(frozen=True, slots=True)
class _Account:
    """The lines that compaction wrote, by the names in them; lists of names, which tell nothing, left out."""

    lines: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, changed: Iterable[Message]) -> _Account:
        return cls(_lines_by_name(changed))

    def bound(self, wanted: frozenset[str], left: frozenset[str], gone: Sequence[Message]) -> float:
        """The share of names that stand where they stood, or with words that they stood with."""
        if not wanted:
            return 1.0
        told = [name for name in wanted - left if name in self.lines]
        source = _lines_by_name(gone) if told else {}
        kept = sum(self._tells(name, source.get(name, ())) for name in told)
        return round((len(wanted & left) + kept) / len(wanted), 4)

    def changes(self, before: Iterable[Message], gone: Sequence[Message]) -> float:
        """The share of the calls that changed something whose target is told, or that are there themselves."""
        made = sum(1 for message in before for call in message.calls if deeds.changes(call))
        targets = [deeds.target(call) for message in gone for call in message.calls if deeds.changes(call)]
        lost = sum(not any(name in self.lines for name in facts.names(target)) for target in targets if facts.names(target))
        return round(1 - lost / made, 4) if made else 1.0

    def _tells(self, name: str, source: Sequence[str]) -> bool:
        there = [_words(line, name) for line in self.lines.get(name, ())]
        stood = [_words(line, name) for line in source] if there else []
        return any(len(words & other) >= min(ENOUGH, len(words) // 2 or len(words)) for words in stood for other in there)


def _lines_by_name(messages: Iterable[Message]) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for message in messages:
        for line in (line for text in facts.texts(message) for line in read(text) if not line.text.startswith(NAMES)):
            for name in line.names:
                found.setdefault(name, {})[line.text] = None
    return {name: tuple(islice(lines, MOST_LINES)) for name, lines in found.items()}


@lru_cache(maxsize=20_000)
def _words(line: str, name: str) -> frozenset[str]:
    return frozenset(WORD.findall(line.replace(name, " ").lower()))


def _rules(before: Iterable[Message], after: Iterable[Message]) -> Rules:
    found = rules.given(before)
    forwarded = "\n".join(_plain(message.text) for message in after)
    return Rules(len(found), sum(_plain(rule) in forwarded for rule in found))


# -- relevance ------------------------------------------------------------------------------------------------------------


def _relevance(before: Sequence[Message], after: Sequence[Message], told: Sequence[_Facts]) -> float:
    """The share of the weight of earlier messages that is still where it was."""
    start, stays = max(0, min(len(before) - PRESENT, tail_start(before))), pinned(before)
    present = _union(found.names for place, found in enumerate(told) if place in stays or place >= start)
    earlier = [(before[place], told[place].names & present) for place in range(start) if place not in stays]
    weights = _weights([names for _, names in earlier])
    kept: Mapping[int | None, Message] = {message.index: message for message in after if message.index is not None}
    mass = math.fsum(weights[name] for _, names in earlier for name in names)
    held = math.fsum(weights[name] for message, names in earlier for name in _still(names, kept.get(message.index)))
    return round(min(1.0, held / mass), 4) if mass else 1.0


def _weights(listed: Sequence[frozenset[str]]) -> Mapping[str, float]:
    """The rarer among the messages, the more; as in the scoring of pass 2."""
    spread = Tally(name for names in listed for name in names)
    return {name: math.log(1 + len(listed) / messages) for name, messages in spread.items()}


def _still(names: frozenset[str], now: Message | None) -> frozenset[str]:
    if now is None or not names:
        return frozenset()
    return names & _names(now) if now.edited else names
