"""Sessions of a pair programmer without tools: what was said, and the files of the chat as they are now somewhere among it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from clients import texts
from clients.chat import Chat, Message, Tool
from clients.scripts import Event, Nudge, Plan, Rules, Step

__all__ = ["FILES", "PairProgrammer", "all_but_the_newest", "every_third", "nothing", "what_needs_no_mending"]

Settled = Callable[[Sequence[Message]], int]
"""How many of the messages said so far are done with: they stand before the files, the others behind them."""

MENDED = "# 1 SEARCH/REPLACE block failed to match!"
FILES = "I have *added these files to the chat* so you can go ahead and edit them."
FILES_CHANGE = 12
"""Messages after which the files hold something else."""


def all_but_the_newest(said: Sequence[Message]) -> int:
    return max(0, len(said) - 1)


def what_needs_no_mending(said: Sequence[Message]) -> int:
    """A question stands behind the files with its answer while that has to be mended."""
    return max(0, len(said) - (3 if said and said[-1]["content"].startswith(MENDED) else 1))


def every_third(said: Sequence[Message]) -> int:
    """Edits are made every third time."""
    return max(0, len(said) - 1) // 6 * 6


def nothing(_: Sequence[Message]) -> int:
    """A chat without edits."""
    return 0


@dataclass(frozen=True, slots=True)
class PairProgrammer(Chat):
    """An example first, then a map of the repository, what is settled, the files, and the rest; the client reminds of its rules in the
    newest message, or in one of its own behind it."""

    settled: Settled = all_but_the_newest
    mends: bool = False
    """Whether every second answer has to be mended."""
    files: int = 3_000
    """Tokens."""
    map: str = ""
    rules: str = ""
    reminds: Literal["in the newest", "behind it"] = "in the newest"

    def __call__(self, events: Sequence[Event]) -> list[Message]:
        said = [message for event in events for message in self._messages(event)]
        done = self.settled(said)
        return [*self._opening(), *said[:done], *self._shown_files(done), *self._reminded(said[done:])]

    def framed(self, instructions: str, tools: Sequence[Tool], messages: Sequence[Message]) -> Message:
        """The request around messages; what the newest of them is reminded of ends the instructions too."""
        told = f"{instructions}\n{self.rules}" if self.reminds == "in the newest" else instructions
        return Chat.framed(self, told, tools, messages)

    def questions(self, events: Sequence[Event]) -> list[str]:
        """What the user wants done, and the newest words, where they are others."""
        asked = [message["content"] for event in events for message in self._messages(event) if message["role"] == "user"]
        return [next(text for text in reversed(asked) if not text.startswith(MENDED)), asked[-1]]

    def _opening(self) -> Iterator[Message]:
        example = "To make this change we need to modify `app.py`:\n\napp.py\n```python\n<<<<<<< SEARCH\nx = 1\n=======\nx = 2\n>>>>>>> REPLACE\n```"
        yield self._said("user", "Change get_factorial() to use math.factorial")
        yield self._said("assistant", example)
        yield self._said("user", "I switched to a new code base. Please don't consider the above files or try to edit them any longer.")
        yield self._said("assistant", "Ok.")
        if self.map:
            yield self._said("user", f"Here is a map of other files of the repository. Do not change them without asking.\n\n{self.map}")
            yield self._said("assistant", "Ok, I will not change these without asking.")

    def _shown_files(self, done: int) -> Iterator[Message]:
        code = texts.code(Random(f"{self.files} {done // FILES_CHANGE}"), self.files)
        yield self._said("user", f"{FILES}\n\nmod.py\n```\n{code}\n```")
        yield self._said("assistant", "Ok, any changes I propose will be to those files.")

    def _reminded(self, said: Sequence[Message]) -> list[Message]:
        if not self.rules or not said:
            return [*said]
        if self.reminds == "behind it":
            return [*said, self._said("system", self.rules)]
        return [*said[:-1], {**said[-1], "content": f"{said[-1]['content']}\n\n{self.rules}"}]

    def _messages(self, event: Event) -> Iterator[Message]:
        match event:
            case Step(number, said, calls):
                edit = f"mod.py\n```python\n<<<<<<< SEARCH\n{calls[0].output[:1_500]}\n=======\nmarker\n>>>>>>> REPLACE\n```"
                yield self._said("assistant", f"{said}\n\n{edit}")
                yield self._said("user", self._asked(number, calls[0].command))
            case Plan(number) | Rules(number):
                yield self._said("assistant", f"I would begin with the first point, step {number}.")
                yield self._said("user", self._asked(number, "the first point"))
            case Nudge():
                return
            case _:
                yield from Chat._messages(self, event)

    def _asked(self, number: int, done: str) -> str:
        rng = Random(f"{number} {done}")
        if self.mends and number % 2:
            return f"{MENDED}\n\n## SearchReplaceNoExactMatch: This SEARCH block failed to exactly match lines in mod.py\n{texts.code(rng, 60)}"
        return f"{texts.wish(rng)}; add marker_{number}."
