"""Sessions of clients whose model writes calls as text and reads what they printed in user messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from clients.chat import Chat, Message
from clients.scripts import Event, Nudge, Plan, Rules, Step

__all__ = ["TextProtocol", "bash_block", "python_block"]


def bash_block(said: str, command: str) -> str:
    return f"THOUGHT: {said}\n\n```mswea_bash_command\n{command}\n```"


def python_block(said: str, command: str) -> str:
    return f"Thought: {said}\n<code>\nout = run({command!r})\nprint(out)\n</code>"


@dataclass(frozen=True, slots=True)
class TextProtocol(Chat):
    """An agent that runs one command a turn and gets its output as a user message."""

    does: Callable[[str, str], str] = bash_block

    def _messages(self, event: Event) -> Iterator[Message]:
        match event:
            case Nudge(_, True):
                yield self._said("user", "Please continue.")
            case Plan(number) | Rules(number):
                yield from self._ran(f"I look around, step {number}.", "ls", "README.md\nsrc\ntests")
            case Step(_, said, calls):
                yield from self._ran(said, " && ".join(call.command for call in calls), "\n".join(call.output for call in calls))
            case _:
                # a class with slots is made anew by its decorator, which leaves super() without arguments behind
                yield from Chat._messages(self, event)

    def _ran(self, said: str, command: str, printed: str) -> Iterator[Message]:
        yield self._said("assistant", self.does(said, command))
        yield self._said("user", self.printed(printed))
