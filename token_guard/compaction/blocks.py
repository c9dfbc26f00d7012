"""How a note is laid out: how many messages it stands for, the user's rules, and what was done."""

from __future__ import annotations

from dataclasses import dataclass

from token_guard.conversation import Message, Text
from token_guard.marks import REFERENCE, is_closed, is_note, reference

__all__ = ["BULLET", "NAMES", "RULES", "SAID", "STEPS", "TAKEN_OUT", "Blocks", "is_account"]

TAKEN_OUT = " earlier messages were taken out here to fit the context window"
"""What the first line of a note says after how many; what else the guard puts in says something else, and stays."""

RULES = "Rules and facts that the user gave:"
STEPS = "What was done, oldest first:"
SAID = "What was said, oldest first:"
NAMES = "Also named: "
"""How the blocks of a note begin; where nothing was called, nothing was done either."""

BULLET = "- "


@dataclass(frozen=True, slots=True)
class Blocks:
    """A note in its parts: what its first line says, the lines of its rules without their heading, all lines after them."""

    head: str
    rules: tuple[str, ...] = ()
    rest: tuple[str, ...] = ()

    @classmethod
    def read(cls, text: str) -> Blocks | None:
        """The parts of a note; None of a text that is no note on messages that were taken out, or not a whole one."""
        head, *lines = text.split("\n")
        said = head.partition(REFERENCE)[2]
        if not said.endswith(TAKEN_OUT) or not is_closed(text):
            return None
        lines = lines[:-1]
        if lines[:1] != [RULES]:
            return cls(said, (), tuple(lines))
        end = next((place for place, line in enumerate(lines) if place and not line.startswith(BULLET)), len(lines))
        return cls(said, tuple(lines[1:end]), tuple(lines[end:]))

    @property
    def said_rules(self) -> tuple[str, ...]:
        """The rules as they were said."""
        return tuple(line.removeprefix(BULLET) for line in self.rules)

    @property
    def message(self) -> Message:
        """The note as it is forwarded."""
        rules = [RULES, *self.rules] if self.rules else []
        return Message("user", (Text(reference(self.head, [*rules, *self.rest])),))


def is_account(message: Message) -> bool:
    """Whether a message is a note on messages that were taken out."""
    return is_note(message) and TAKEN_OUT in message.text.partition("\n")[0]
