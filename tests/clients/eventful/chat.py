"""Sessions as clients of Chat Completions with tool calls send them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clients.eventful.scripts import Ask, Call, Event, Nudge, Plan, Reply, Rules, Step

__all__ = ["PICTURE", "Chat", "plan_arguments"]

PICTURE = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAFElEQVR4nGM4NOkJVsQwtCSQAQACh1l5AZ3iLAAAAABJRU5ErkJggg=="
"""An image of eight by eight pixels."""

Message = dict[str, Any]


def plan_arguments(tool: str, plan: Plan) -> Mapping[str, Any]:
    """What a plan tool is called with; each client's has its own keys."""
    steps = plan.steps
    if tool == "update_plan":
        return {"plan": [{"step": step, "status": state} for step, state in steps]}
    if tool == "write_todos":
        return {"todos": [{"description": step, "status": state} for step, state in steps]}
    if tool == "task_tracker":
        return {"command": "plan", "task_list": [{"title": step, "notes": "", "status": state} for step, state in steps]}
    if tool == "TodoWrite":
        return {"todos": [{"content": step, "status": state, "activeForm": f"Doing: {step}"} for step, state in steps]}
    todos = [{"id": str(place), "content": step, "status": state, "priority": "high"} for place, (step, state) in enumerate(steps)]
    return {"todos": todos}


@dataclass(frozen=True, slots=True)
class Chat:
    """How a client writes: its shell, its plan tool (none: the plan is said), what stands before the task, whether contents are lists."""

    shell: str = "bash"
    key: str = "command"
    planner: str = ""
    loader: str = "skill"
    asked: str = "{}"
    """What the user asks for, within the client's own words around it."""
    printed: Callable[[str], str] = str
    parts: bool = False
    opening: Sequence[Message] = ()
    """Messages of the client's before the first of the user's."""

    @property
    def standing(self) -> Sequence[str]:
        """Rules around the messages."""
        return ()

    def __call__(self, events: Sequence[Event]) -> list[Message]:
        return [*self.opening, *(message for event in events for message in self._messages(event))]

    def _messages(self, event: Event) -> Iterator[Message]:
        match event:
            case Ask(text):
                yield self._said("user", self.asked.format(text))
            case Nudge(text, picture):
                yield self._shown() if picture else self._said("user", text)
            case Reply(text):
                yield self._said("assistant", text)
            case Plan(number):
                yield from self._planned(event, number)
            case Rules(number, name, text):
                yield from self._made(number, "Let me load the rules.", [(self.loader, {"name": name}, text)])
            case Step(number, said, calls):
                yield from self._made(number, said, [(self.shell, self._command(call), self.printed(call.output)) for call in calls])

    def _command(self, call: Call) -> Mapping[str, Any]:
        return {self.key: call.command}

    def _planned(self, plan: Plan, number: int) -> Iterator[Message]:
        if self.planner:
            arguments = plan_arguments(self.planner, plan)
            yield from self._made(number, "I write the plan down.", [(self.planner, arguments, "The plan was written.")])
        else:
            yield from self._made(number, "I look around first.", [(self.shell, {self.key: "ls"}, "README.md\nsrc\ntests")])

    def _made(self, number: int, said: str, calls: Sequence[tuple[str, Mapping[str, Any], str]]) -> Iterator[Message]:
        made = [
            {"id": f"call_{number:04d}{place:02d}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
            for place, (name, arguments, _) in enumerate(calls)
        ]
        yield {**self._said("assistant", said), "tool_calls": made}
        for call, (_, _, printed) in zip(made, calls, strict=True):
            yield {**self._said("tool", printed), "tool_call_id": call["id"]}

    def _said(self, role: str, text: str) -> Message:
        return {"role": role, "content": [{"type": "text", "text": text}] if self.parts else text}

    def _shown(self) -> Message:
        picture = {"type": "image_url", "image_url": {"url": PICTURE}}
        return {"role": "user", "content": [{"type": "text", "text": "Screenshot of the page:"}, picture]}
