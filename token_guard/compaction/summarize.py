"""Pass 2: the exchanges that matter least go into one structured note, extracted, not invented."""

from __future__ import annotations

import math
from collections import Counter as Tally
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from types import MappingProxyType

from token_guard.compaction import Counter, Draft, Goal, facts
from token_guard.compaction.ledger import Ledger, as_sent
from token_guard.compaction.pins import droppable, in_turn, pinned
from token_guard.compaction.shorten import fitting, shorten
from token_guard.conversation import Exchange, Message, Text, exchanges
from token_guard.marks import REFERENCE, is_note, mark, reference

__all__ = ["NAMES", "SECTIONS", "WEIGHTS", "Summarize", "names_line"]

RECENCY, PRIORITY = 1.0, 0.5
"""An exchange's score is how new it is, between 0 and 1, and this share of what speaks for it by category."""

WEIGHTS: Mapping[str, float] = MappingProxyType({"task": 1.0, "related": 0.8, "structure": 0.6, "patterns": 0.4, "general": 0.2})
"""Categories, each between 0 and 1 for an exchange: how many of the rare words of the task and the newest turns it has; how many of
its names later calls use; whether the user speaks; whether a tool reports an error; how many names it has at all."""

MANY_NAMES = 20
"""With so many different names an exchange has all that the last category gives."""

RECENT_TURNS = 3
"""The newest exchanges whose words say what the conversation is about now."""

LINE_TOKENS = 60
"""A quoted line longer than this is shortened."""

NAMES_GROW = (4.0, 0.6)
"""A note on n tokens takes the first times n to the power of the second, by Heaps' law (Information Retrieval, 1978): the longer
a text, the fewer of its words are new. 252 tokens on a thousand, 1,004 on ten thousand, 4,000 on a hundred thousand."""

ROOMY, ROOMY_SHARE = 1.25, 0.5
"""A note may be so many times larger where a compaction leaves more than this share of what is allowed: there it is what little
goes that costs, not what stays."""

MIN_NOTE = 120
"""Below this many tokens a note says nothing but that something is missing."""

FULL_SHARE = 0.95
"""Notes that take more than this share of their room leave too little for another one."""

REWRITTEN_SHARE = 0.4
"""One note in place of all takes this share of what notes may take, so that there is room for more to be added."""

SECTIONS: tuple[tuple[str, str], ...] = (
    ("requests", "The user asked earlier"),
    ("directives", "Rules that the user gave"),
    ("decisions", "The assistant decided"),
    ("errors", "Errors that tools reported"),
)
"""Ledger field and heading; the names close the note."""

BUDGET: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {"low": (0.30, 0.20, 0.10, 0.10), "medium": (0.25, 0.15, 0.15, 0.20), "high": (0.20, 0.15, 0.20, 0.20)}
)
"""Shares of the note for each section, by how complex the task is; what a section leaves goes to the names."""

COMPLEX = ((200, "high"), (20, "medium"), (0, "low"))
"""A session of at least so many messages is so complex."""

NAMES = "Files, identifiers and values that occurred: "


@dataclass(frozen=True, slots=True)
class Summarize:
    """Takes exchanges out, least important first, and adds a note of what is worth keeping of them.

    Notes are added, not rewritten, so that the ones before stay in the provider's prompt cache; when they outgrow
    their share of the budget, one note takes the place of all.
    """

    share: float = 0.35
    max_directives: int = 20
    max_decisions: int = 30
    complexity: str = "auto"
    weights: Mapping[str, float] = field(default_factory=lambda: WEIGHTS)
    name: str = "summarize"

    def __call__(self, draft: Draft, goal: Goal, counter: Counter) -> Draft:
        if counter.messages(draft.messages) <= goal.target:
            return draft
        memory = _Memory.of(draft.messages, goal, self.share, counter)
        gone = _least_important(draft.messages, goal, memory, counter, self.weights)
        if not gone:
            return draft
        out = tuple(draft.messages[place] for place in sorted(gone))
        kept = [message for place, message in enumerate(draft.messages) if place not in gone and not (memory.full and is_note(message))]
        new = Ledger.of(out)
        ledger = draft.ledger.joined(new)
        told = ledger if memory.full else new
        shares = BUDGET[_complexity(ledger.messages + len(kept)) if self.complexity == "auto" else self.complexity]
        note = self._note(told, _present(kept), memory.room(counter.messages(map(as_sent, out))), shares, counter)
        return Draft(_with_note(kept, note, draft.messages[min(gone)]), ledger)

    def _note(self, ledger: Ledger, present: frozenset[str], room: int, shares: Sequence[float], counter: Counter) -> Message:
        head = f"{ledger.messages:,} earlier messages were taken out here to fit the context window"
        room -= counter.text(mark(REFERENCE + head)) + 8
        blocks = [
            _block(heading, self._limited(section, getattr(ledger, section)), int(room * share), counter)
            for (section, heading), share in zip(SECTIONS, shares, strict=True)
        ]
        room -= sum(map(counter.text, blocks))
        blocks.append(_names_block(ledger.names, present, room, counter))
        return Message("user", (Text(reference(head, filter(None, blocks))),))

    def _limited(self, section: str, lines: Sequence[str]) -> Sequence[str]:
        most = {"directives": self.max_directives, "decisions": self.max_decisions}.get(section, len(lines))
        return lines[max(0, len(lines) - most) :]


@dataclass(frozen=True, slots=True)
class _Memory:
    """Room for notes, in tokens: what all may take, what the ones that are there take, and whether a new one may be larger."""

    most: int
    taken: int
    roomy: bool

    @classmethod
    def of(cls, messages: Sequence[Message], goal: Goal, share: float, counter: Counter) -> _Memory:
        taken = counter.messages(filter(is_note, messages))
        return cls(int(share * goal.room), taken, goal.end - goal.fixed > ROOMY_SHARE * goal.room)

    @property
    def full(self) -> bool:
        """Whether one note has to take the place of all."""
        return self.taken > FULL_SHARE * self.most

    @property
    def freed(self) -> int:
        """What the notes that are there give back."""
        return self.taken if self.full else 0

    def room(self, tokens: int) -> int:
        """The size of the note on messages that counted so many tokens when they came."""
        if self.full:
            return int(REWRITTEN_SHARE * self.most)
        first, power = NAMES_GROW
        size = int(first * tokens**power * (ROOMY if self.roomy else 1.0))
        return max(MIN_NOTE, min(size, self.most - self.taken))


def _complexity(messages: int) -> str:
    """How complex the task of a session of so many messages is.

    >>> _complexity(12), _complexity(300)
    ('low', 'high')
    """
    return next(name for least, name in COMPLEX if messages >= least)


def _present(messages: Sequence[Message]) -> frozenset[str]:
    """Names that need no note, as what stays has them."""
    return frozenset().union(*(facts.names(message.full_text) for message in messages))


def _with_note(kept: Sequence[Message], note: Message, first_gone: Message) -> tuple[Message, ...]:
    """The note stands where the first message went missing, so that everything before it stays as it was."""
    place = first_gone.index or 0
    after = next((number for number, message in enumerate(kept) if message.index is not None and message.index > place), len(kept))
    return (*kept[:after], note, *kept[after:])


def _block(heading: str, lines: Sequence[str], room: int, counter: Counter) -> str:
    """The newest lines that have room, in their order."""
    short = ("- " + shorten(" ".join(line.split()), LINE_TOKENS, counter) for line in reversed(lines))
    chosen = fitting(short, room - counter.text(heading) - 2, counter)
    return "\n".join([f"{heading}:", *reversed(chosen)]) if chosen else ""


def _names_block(names: Mapping[str, float], present: frozenset[str], room: int, counter: Counter) -> str:
    """As many names as have room, those first that weigh most for their size; what a longer one says is not said twice."""
    weights = {name: weight for name, weight in names.items() if name not in present}
    return names_line(facts.worthiest(weights, room - counter.text(NAMES), counter))


def names_line(names: Sequence[str]) -> str:
    """The line of a note that lists names; nothing when there are none."""
    return NAMES + " ".join(names) if names else ""


# -- what goes ------------------------------------------------------------------------------------------------------------


def _least_important(messages: Sequence[Message], goal: Goal, memory: _Memory, counter: Counter, weights: Mapping[str, float]) -> set[int]:
    """Places of the exchanges to take out, until the rest and the note on them count no more than the target.

    Where the next one is so large that without it too little would be left, the rest is for the next pass, which masks outputs.
    """
    tokens, told = counter.messages(messages) - memory.freed, 0
    scores = _scores(messages, weights)
    gone: set[int] = set()
    for unit in in_turn(_by_score(_worth_dropping(messages, memory, counter), scores)):
        if tokens + memory.room(told) <= goal.target:
            break
        size = counter.messages(unit.messages)
        if tokens - size < goal.least and _can_be_masked(unit):
            break
        gone.update(range(unit.start, unit.stop))
        tokens -= size
        told += counter.messages(map(as_sent, unit.messages))
    return gone


def _worth_dropping(messages: Sequence[Message], memory: _Memory, counter: Counter) -> list[tuple[Exchange, frozenset[int]]]:
    """Exchanges that may go, without those between notes that are smaller than the notes after them: as long as the notes
    stay, they are read from the provider's prompt cache, and that would end where an exchange went missing."""
    notes = [] if memory.full else [place for place, message in enumerate(messages) if is_note(message)]
    after = {place: counter.messages(messages[note] for note in notes if note > place) for place in range(max(notes, default=0))}
    return [entry for entry in droppable(messages) if counter.messages(entry[0].messages) >= after.get(entry[0].start, 0)]


def _can_be_masked(unit: Exchange) -> bool:
    """Whether what is large in an exchange is output."""
    outputs = sum(len(result.text) for message in unit.messages for result in message.results)
    return 2 * outputs > sum(len(message.full_text) for message in unit.messages)


def _by_score(units: Sequence[tuple[Exchange, frozenset[int]]], scores: Mapping[int, float]) -> list[tuple[Exchange, frozenset[int]]]:
    """Lowest first; a turn that holds others comes after them."""
    return sorted(units, key=lambda entry: (max([scores[entry[0].start], *(scores[place] for place in entry[1])]), len(entry[1])))


def _scores(messages: Sequence[Message], weights: Mapping[str, float]) -> dict[int, float]:
    units = exchanges(messages)
    names = {unit.start: _names_of(unit) for unit in units}
    relevant, used = _relevance(messages, units), _later_uses(units, names)
    scores: dict[int, float] = {}
    for number, unit in enumerate(units):
        terms = {
            "task": relevant[unit.start],
            "related": used[unit.start],
            "structure": float(unit.messages[0].role == "user"),
            "patterns": float(any(facts.error_lines(result.text) for message in unit.messages for result in message.results)),
            "general": min(1.0, len(names[unit.start]) / MANY_NAMES),
        }
        scores[unit.start] = RECENCY * number / len(units) + PRIORITY * sum(weights[name] * term for name, term in terms.items())
    return scores


def _relevance(messages: Sequence[Message], units: Sequence[Exchange]) -> dict[int, float]:
    """For each exchange, the weight of the rare words of the task and the newest turns that it has."""
    words = {unit.start: facts.terms("\n".join(message.full_text for message in unit.messages)) for unit in units}
    query = _query(messages, units, words)
    hits = {start: terms & query for start, terms in words.items()}
    spread = Tally(chain.from_iterable(hits.values()))
    rarity = {term: math.log(1 + len(units) / times) for term, times in spread.items()}
    most = math.fsum(sorted(rarity.values(), reverse=True)[:20]) or 1.0
    return {start: min(1.0, math.fsum(rarity[term] for term in terms) / most) for start, terms in hits.items()}


def _query(messages: Sequence[Message], units: Sequence[Exchange], words: Mapping[int, frozenset[str]]) -> set[str]:
    stays = pinned(messages)
    task = {term for unit in units if unit.start in stays and unit.messages[0].role == "user" for term in words[unit.start]}
    return task.union(*(words[unit.start] for unit in units[-RECENT_TURNS:]))


def _later_uses(units: Sequence[Exchange], names: Mapping[int, frozenset[str]]) -> dict[int, float]:
    """For each exchange, the share of its names that the calls of later exchanges use."""
    shares: dict[int, float] = {}
    later: set[str] = set()
    for unit in reversed(units):
        own = names[unit.start]
        shares[unit.start] = len(own & later) / max(1, len(own))
        later.update(name for message in unit.messages for call in message.calls for name in facts.names(call.arguments))
    return shares


def _names_of(unit: Exchange) -> frozenset[str]:
    return frozenset().union(*(facts.names(message.full_text) for message in unit.messages))
