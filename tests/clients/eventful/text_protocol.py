"""Sessions of clients whose model writes calls as text and reads what they printed in user messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clients.eventful.chat import Chat
from clients.eventful.scripts import Ask, Event, Nudge, Plan, Reply, Rules, Step

__all__ = ["Files", "TextProtocol", "bash_block", "python_block"]

Message = dict[str, Any]

DONE_AT_ONCE = 6
"""Messages, questions and answers, after which a pair programmer's changes are made and its files are shown anew."""


def bash_block(said: str, command: str) -> str:
    return f"THOUGHT: {said}\n\n```mswea_bash_command\n{command}\n```"


def python_block(said: str, command: str) -> str:
    return f"Thought: {said}\n<code>\nout = run({command!r})\nprint(out)\n</code>"


@dataclass(frozen=True, slots=True)
class TextProtocol:
    """An agent that runs one command a turn and gets its output as a user message."""

    does: Callable[[str, str], str]
    printed: str
    """What an output is sent in, with its place as {}."""
    asked: str = "{}"
    parts: bool = False

    @property
    def standing(self) -> Sequence[str]:
        """Rules around the messages."""
        return ()

    def __call__(self, events: Sequence[Event]) -> list[Message]:
        return [message for event in events for message in self._messages(event)]

    def _messages(self, event: Event) -> Iterator[Message]:
        match event:
            case Ask(text):
                yield self._said("user", self.asked.format(text))
            case Nudge(text, picture):
                yield self._said("user", "Please continue." if picture else text)
            case Reply(text):
                yield self._said("assistant", text)
            case Plan(number) | Rules(number):
                yield from self._ran(f"I look around, step {number}.", "ls", "README.md\nsrc\ntests")
            case Step(_, said, calls):
                yield from self._ran(said, " && ".join(call.command for call in calls), "\n".join(call.output for call in calls))

    def _ran(self, said: str, command: str, printed: str) -> Iterator[Message]:
        yield self._said("assistant", self.does(said, command))
        yield self._said("user", self.printed.format(printed))

    def _said(self, role: str, text: str) -> Message:
        return {"role": role, "content": [{"type": "text", "text": text}] if self.parts else text}


@dataclass(frozen=True, slots=True)
class Files:
    """A pair programmer without tools: an example first, then a map of the repository, what was done, the files as they are now,
    what is being done. The files move down whenever something was done, and the newest words carry rules of the client's."""

    example: Sequence[Message]
    files: Mapping[str, str]
    map: str
    rules: str

    @property
    def standing(self) -> Sequence[str]:
        """Rules around the messages."""
        return ()

    def __call__(self, events: Sequence[Event]) -> list[Message]:
        said = [message for event in events for message in self._messages(event)]
        done = max(0, len(said) - 1) // DONE_AT_ONCE * DONE_AT_ONCE
        current = [dict(message) for message in said[done:]]
        if current and current[-1]["role"] == "user":
            current[-1]["content"] += f"\n\n{self.rules}"
        return [*self.example, *self._map(), *said[:done], *self._shown(), *current]

    def _messages(self, event: Event) -> Iterator[Message]:
        match event:
            case Step(number, said, calls):
                yield {"role": "assistant", "content": f"{said}\n\nThe callers are these:\n{calls[0].output[:1500]}"}
                yield {"role": "user", "content": f"Step {number}: look at what {calls[0].command.split()[-1]} needs next, and change it."}
            case Plan(number) | Rules(number):
                yield {"role": "assistant", "content": f"I would begin with the first point, step {number}."}
                yield {"role": "user", "content": f"Step {number}: begin with the first point and change what it takes."}
            case Nudge():
                return
            case _:
                yield from Chat()((event,))

    def _map(self) -> Iterator[Message]:
        yield {
            "role": "user",
            "content": f"Here is a map of other files of the repository. Do not change them without asking.\n\n{self.map}",
        }
        yield {"role": "assistant", "content": "Ok, I will not change these without asking."}

    def _shown(self) -> Iterator[Message]:
        shown = "\n\n".join(f"{name}\n```\n{text}\n```" for name, text in self.files.items())
        yield {"role": "user", "content": f"These files were *added to the chat*; this is what they hold now.\n\n{shown}"}
        yield {"role": "assistant", "content": "Ok, any changes that I propose will be to those files."}
