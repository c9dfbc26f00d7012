"""Pass 2: the exchanges that matter least go into an account of the work, extracted, not invented."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from token_guard.compaction import Counter, Draft, Goal, facts
from token_guard.compaction.account import account
from token_guard.compaction.blocks import NAMES, RULES, SAID, STEPS, TAKEN_OUT, Blocks, is_account
from token_guard.compaction.importance import WEIGHTS, by_score, scores
from token_guard.compaction.ledger import Ledger, as_sent
from token_guard.compaction.pins import droppable, in_turn
from token_guard.compaction.rules_block import rules_lines, rules_room, strongest, untold
from token_guard.compaction.weights import weights_of
from token_guard.conversation import Exchange, Message
from token_guard.marks import INDENT, REFERENCE, is_note, mark
from token_guard.speech import outputs_of

__all__ = ["WEIGHTS", "Summarize", "names_line"]

MEMORY = 0.18
"""A note takes this share of what it stands for, as far as there is room."""

LARGEST = 0.45
"""A note takes at most this share of what all may take, so that there is room for more to be added."""

TALK_SHARE = 0.15
"""What notes may take of talk: in its lines nothing was done, and what a question needs of them is quoted when it is asked."""

LEAST_NOTE, MIN_NOTE = 200, 800
"""Below so many tokens a note says nothing but that something is missing; and so many it has where notes may take them. On recorded
dialogues with tools at 4,000 tokens 600 kept .87 of the names that were needed again, 800 kept .98, for .02 more of a window's cost."""

MOST_OF_ROOM = 0.4
"""Notes take no more than this share of what instructions leave, however long those are."""

FULL_SHARE = 0.8
"""Notes that take more than this share of their room leave too little for another one."""

REWRITTEN_SHARE = 0.7
"""One note in place of all takes this share of what notes may take, so that there is room for more to be added."""

PRESENT_WEIGHT = 0.15
"""What a name is worth in a note that what stays has as well."""

NAMES_SHARE = 0.135
"""Of a note, the most that goes to names that nothing above says: a list of them tells nothing of what was done."""

LEAST_OF_ALL = 0.8
"""A note that takes the place of all has this share of its room also where what stays leaves less: what it stands for is told nowhere
else, and the newest exchange that takes the room is there once."""

TIGHT_SHARE = 0.75
"""Where another note would leave more than this share of what is allowed, one note takes the place of all."""

TALK: Mapping[str, float] = {"low": 2.5, "medium": 1.0, "high": 0.8}
"""How much the user's words count beside what was done, by how complex the task is."""

MASKED = 400
"""Characters; where a call had a shorter output, a placeholder would take as much."""

COMPLEX = ((200, "high"), (20, "medium"), (0, "low"))
"""A session of at least so many messages is so complex."""


@dataclass(frozen=True, slots=True)
class Summarize:
    """Takes exchanges out, least important first, and adds a note that tells what was done in them.

    Notes are added, not rewritten, so that the ones before stay in the provider's prompt cache; when they outgrow
    their share of the budget, one note takes the place of all.
    """

    share: float = 0.45
    max_directives: int = 64
    complexity: str = "auto"
    weights: Mapping[str, float] = field(default_factory=lambda: WEIGHTS)
    keyed: bool = False
    """Whether the line of a step names the key of its output, because the model can ask for that."""
    name: str = "summarize"

    def __call__(self, draft: Draft, goal: Goal, counter: Counter) -> Draft:
        if counter.messages(draft.messages) <= goal.target:
            return draft
        memory = _Memory.of(draft.messages, goal, self.share if _works(draft) else min(self.share, TALK_SHARE), counter)
        done = self._with_account(draft, goal, memory, counter)
        if memory.full or not memory.taken or counter.messages(done.messages) <= max(goal.target, int(TIGHT_SHARE * goal.allowed)):
            return done
        return self._with_account(draft, goal, replace(memory, full=True), counter)

    def _with_account(self, draft: Draft, goal: Goal, memory: _Memory, counter: Counter) -> Draft:
        """The draft with a note beside the ones that are there, or in place of all."""
        gone = _least_important(draft.messages, goal, memory, counter, self.weights)
        if not gone:
            return draft
        out = tuple(draft.messages[place] for place in sorted(gone))
        weights = weights_of([as_sent(message) for message in draft.messages if not is_note(message)])
        new = Ledger.of(out, weights)
        ledger = draft.ledger.joined(new)
        if not memory.full and not set(draft.ledger.rules) <= set(ledger.rules):  # a note that stays would tell a rule that no longer holds
            memory = replace(memory, full=True)
        kept = [message for place, message in enumerate(draft.messages) if place not in gone and not (memory.full and is_account(message))]
        told = ledger if memory.full else new
        room = memory.room(counter.messages(map(as_sent, out)))
        tellable = untold(strongest(ledger.rules, self.max_directives), ledger.amended, ledger.places, kept)
        rules = rules_lines(tellable, rules_room(goal.room, goal.allowed - counter.messages(kept)), counter)
        taken = counter.messages(kept) + sum(counter.text(line) + 1 for line in rules)
        room = min(room, max(goal.target - taken, min(int(LEAST_OF_ALL * room), goal.allowed - taken), LEAST_NOTE)) if memory.full else room
        note = self._note(told, rules, _in_place(told, weights, kept), _lines_of(kept), ledger.messages + len(kept), room, counter)
        return Draft(_with_note(kept, note, draft.messages[min(gone)]), ledger)

    def _note(
        self,
        ledger: Ledger,
        rules: Sequence[str],
        weights: Mapping[str, float],
        said: Iterable[str],
        length: int,
        room: int,
        counter: Counter,
    ) -> Message:
        head = f"{ledger.messages:,}{TAKEN_OUT}"
        room -= counter.text(mark(REFERENCE + head)) + counter.text(RULES) + counter.text(STEPS) + 8
        complexity = _complexity(length) if self.complexity == "auto" else self.complexity
        told = tuple(step.keyed for step in ledger.steps) if self.keyed else ledger.steps
        lines = account(told, weights, TALK[complexity], room - int(NAMES_SHARE * room), counter, said)
        steps = [STEPS if any(step.tool for step in ledger.steps) else SAID, *lines] if lines else []
        names = _names(weights, "\n".join([*rules, *steps]), int(NAMES_SHARE * room), counter)
        return Blocks(head, tuple(rules), (*steps, *filter(None, [names]))).message


def _works(draft: Draft) -> bool:
    """Whether anything was called in a conversation, before or since its newest note."""
    return any(step.tool for step in draft.ledger.steps) or any(message.calls or outputs_of(message) for message in draft.messages)


@dataclass(frozen=True, slots=True)
class _Memory:
    """Room for notes, in tokens: what all may take, what the ones that are there take, and whether one has to take the place of all:
    because they leave too little for another, or because they were written beside something so large that they tell nothing."""

    most: int
    taken: int
    full: bool

    @classmethod
    def of(cls, messages: Sequence[Message], goal: Goal, share: float, counter: Counter) -> _Memory:
        taken = counter.messages(filter(is_account, messages))
        most = min(int(share * goal.allowed), int(MOST_OF_ROOM * goal.room))
        return cls(most, taken, taken > FULL_SHARE * most or 0 < taken <= LEAST_NOTE)

    @property
    def freed(self) -> int:
        """What the notes that are there give back."""
        return self.taken if self.full else 0

    def room(self, tokens: int) -> int:
        """The size of the note on messages that counted so many tokens when they came."""
        if self.full:
            return int(REWRITTEN_SHARE * self.most)
        left = max(LEAST_NOTE, self.most - self.taken)
        return min(self.most, left, max(MIN_NOTE, min(int(MEMORY * tokens), int(LARGEST * self.most))))


def _complexity(messages: int) -> str:
    """How complex the task of a session of so many messages is.

    >>> _complexity(12), _complexity(300)
    ('low', 'high')
    """
    return next(name for least, name in COMPLEX if messages >= least)


def _in_place(ledger: Ledger, weights: Mapping[str, float], kept: Sequence[Message]) -> Mapping[str, float]:
    """The weights of the names that were taken out; what stays says again what it has."""
    present = frozenset().union(*(facts.names_of(message) for message in kept))
    known = {**ledger.names, **{name: weight for name, weight in weights.items() if name in ledger.names}}
    return {name: weight * PRESENT_WEIGHT if name in present else weight for name, weight in known.items()}


def _lines_of(kept: Sequence[Message]) -> set[str]:
    """The lines that notes quote which stay."""
    return {line.strip() for message in kept if is_account(message) for line in message.text.split("\n") if line.startswith(INDENT)}


def _with_note(kept: Sequence[Message], note: Message, first_gone: Message) -> tuple[Message, ...]:
    """The note stands where the first message went missing, so that everything before it stays as it was."""
    place = first_gone.index or 0
    after = next((number for number, message in enumerate(kept) if message.index is not None and message.index > place), len(kept))
    return (*kept[:after], note, *kept[after:])


def _names(weights: Mapping[str, float], said: str, room: int, counter: Counter) -> str:
    """As many names as have room that nothing above says, those first that weigh most for their size."""
    return names_line(facts.worthiest(weights, room - counter.text(NAMES), counter, said))


def names_line(names: Sequence[str]) -> str:
    """The line of a note that lists names; nothing when there are none."""
    return NAMES + " ".join(names) if names else ""


# -- what goes ------------------------------------------------------------------------------------------------------------


def _least_important(messages: Sequence[Message], goal: Goal, memory: _Memory, counter: Counter, weights: Mapping[str, float]) -> set[int]:
    """Places of the exchanges to take out, until the rest and the note on them count no more than the target.

    Where the next one is so large that without it too little would be left, the rest is for the next pass, which masks outputs.
    """
    tokens, told = counter.messages(messages) - memory.freed, 0
    gone: set[int] = set()
    if tokens + memory.room(told) <= goal.target:
        return gone
    for unit in in_turn(by_score(_worth_dropping(messages, memory, counter), scores(messages, weights))):
        if tokens + memory.room(told) <= goal.target:
            break
        size, came = counter.messages(unit.messages), counter.messages(map(as_sent, unit.messages))
        if tokens - size + memory.room(told + came) < goal.least and _can_be_masked(unit):
            break
        gone.update(range(unit.start, unit.stop))
        tokens, told = tokens - size, told + came
    return gone


def _worth_dropping(messages: Sequence[Message], memory: _Memory, counter: Counter) -> list[tuple[Exchange, frozenset[int]]]:
    """Exchanges that may go, without those between notes that are smaller than the notes after them: as long as the notes
    stay, they are read from the provider's prompt cache, and that would end where an exchange went missing."""
    notes = [] if memory.full else [place for place, message in enumerate(messages) if is_note(message)]
    sizes = [counter.message(messages[note]) for note in notes]
    after = [(note, sum(sizes[number:])) for number, note in enumerate(notes)]
    return [entry for entry in droppable(messages) if counter.messages(entry[0].messages) >= _behind(entry[0].start, after)]


def _behind(place: int, notes: Sequence[tuple[int, int]]) -> int:
    """What the notes behind a place count, by where the first of them stands."""
    return next((size for note, size in notes if note > place), 0)


def _can_be_masked(unit: Exchange) -> bool:
    """Whether what is large in an exchange is output that a placeholder is shorter than."""
    outputs = sum(len(output) for message in unit.messages for output in outputs_of(message) if len(output) > MASKED)
    return 2 * outputs > sum(len(message.full_text) for message in unit.messages)
