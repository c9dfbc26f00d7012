"""Sessions as clients of Chat Completions with tool calls send them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clients.scripts import Ask, Event, Nudge, Plan, Reply, Rules, Step

__all__ = ["PICTURE", "PLANS", "Chat", "Made", "Tool", "made_in"]

PICTURE = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAFElEQVR4nGM4NOkJVsQwtCSQAQACh1l5AZ3iLAAAAABJRU5ErkJggg=="
"""An image of eight by eight pixels."""

Message = dict[str, Any]
Tool = Mapping[str, Any]
"""Name, description and schema (parameters) of a function."""

Made = tuple[str, Mapping[str, Any], str]
"""A call: tool, arguments, what it printed."""


def _todos(text: str, **more: Any) -> Callable[[Plan], Message]:
    """A plan tool that takes a list of todos, their words under `text`."""
    return lambda plan: {"todos": [{"id": str(n), text: step, "status": state, **more} for n, (step, state) in enumerate(plan.steps)]}


PLANS: Mapping[str, Callable[[Plan], Message]] = {
    "update_plan": lambda plan: {"plan": [{"step": step, "status": state} for step, state in plan.steps]},
    "write_todos": lambda plan: {"todos": [{"description": step, "status": state} for step, state in plan.steps]},
    "task_tracker": lambda plan: {
        "command": "plan",
        "task_list": [{"title": step, "notes": "", "status": state} for step, state in plan.steps],
    },
    "TodoWrite": lambda plan: {"todos": [{"content": step, "status": state, "activeForm": f"Doing: {step}"} for step, state in plan.steps]},
    "todowrite": _todos("content", priority="high"),
    "todo_write": _todos("content"),
}
"""What each plan tool is called with."""


def made_in(event: Plan | Step, shell: str, planner: str) -> list[Made]:
    """The calls of an event; without a plan tool, the client looks around where others plan."""
    if isinstance(event, Step):
        return [(shell, {"command": call.command}, call.output) for call in event.calls]
    if planner:
        return [(planner, PLANS[planner](event), "The plan was written.")]
    return [(shell, {"command": "ls"}, "README.md\nsrc\ntests")]


@dataclass(frozen=True, slots=True)
class Chat:
    """How a client writes."""

    shell: str = "bash"
    planner: str = ""
    loader: str = "skill"
    asked: str = "{}"
    """What the user asks for, within the client's own words around it."""
    printed: Callable[[str], str] = str
    parts: bool = False
    """Whether all contents are lists."""
    silent: bool = False
    """Whether calls come without words."""
    opening: Sequence[Message] = ()
    """Messages of the client's before the first of the user's."""

    @property
    def standing(self) -> Sequence[str]:
        """Rules around the messages."""
        return ()

    def __call__(self, events: Sequence[Event]) -> list[Message]:
        return [*self.opening, *(message for event in events for message in self._messages(event))]

    def framed(self, instructions: str, tools: Sequence[Tool], messages: Sequence[Message]) -> Message:
        """The request around messages."""
        functions = {"tools": [{"type": "function", "function": tool} for tool in tools]} if tools else {}
        return {"messages": [self._said("system", instructions), *messages], **functions}

    def _messages(self, event: Event) -> Iterator[Message]:
        match event:
            case Ask(text):
                yield self._said("user", self.asked.format(text))
            case Nudge(text, picture):
                yield self._shown() if picture else self._said("user", text)
            case Reply(text):
                yield self._said("assistant", text)
            case Plan(number):
                yield from self._called(number, "First I see to the plan.", made_in(event, self.shell, self.planner))
            case Rules(number, name, text):
                yield from self._called(number, "Let me load the rules.", [(self.loader, {"name": name}, text)])
            case Step(number, said):
                yield from self._called(number, said, made_in(event, self.shell, self.planner))

    def _called(self, number: int, said: str, made: Sequence[Made]) -> Iterator[Message]:
        calls = [
            {"id": f"call_{number:04d}{place:02d}", "type": "function", "function": {"name": name, "arguments": json.dumps(given)}}
            for place, (name, given, _) in enumerate(made)
        ]
        yield {**({"role": "assistant", "content": None} if self.silent else self._said("assistant", said)), "tool_calls": calls}
        for call, (*_, printed) in zip(calls, made, strict=True):
            yield {**self._said("tool", self.printed(printed)), "tool_call_id": call["id"]}

    def _said(self, role: str, text: str) -> Message:
        return {"role": role, "content": [{"type": "text", "text": text}] if self.parts else text}

    def _shown(self) -> Message:
        picture = {"type": "image_url", "image_url": {"url": PICTURE}}
        return {"role": "user", "content": [{"type": "text", "text": "Screenshot of the page:"}, picture]}
