"""Sessions as clients of Responses send them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from clients.chat import PICTURE, Made, Tool, made_in
from clients.scripts import Ask, Event, Nudge, Plan, Reply, Rules, Step

__all__ = ["Responses"]

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Responses:
    """How a client writes."""

    shell: str = "shell"
    planner: str = "update_plan"
    reasons: bool = True
    """Whether a sealed reasoning item stands before each of the model's own."""
    opening: Sequence[tuple[str, str]] = ()
    """Roles and texts of the client's own before the first of the user's."""

    @property
    def standing(self) -> Sequence[str]:
        """Rules around the messages."""
        return [text for _, text in self.opening if "nstructions" in text]

    def __call__(self, events: Sequence[Event]) -> list[Item]:
        return [*(_said(*each) for each in self.opening), *(item for event in events for item in self._items(event))]

    def framed(self, instructions: str, tools: Sequence[Tool], items: Sequence[Item]) -> Item:
        """The request around items."""
        return {"instructions": instructions, "tools": [{"type": "function", **tool} for tool in tools], "input": items}

    def _items(self, event: Event) -> Iterator[Item]:
        match event:
            case Ask(text):
                yield _said("user", text)
            case Nudge(text, picture):
                yield _shown() if picture else _said("user", text)
            case Reply(text):
                yield _said("assistant", text)
            case Plan(number):
                yield from self._called(number, "", made_in(event, self.shell, self.planner))
            case Rules(number, name, text):
                yield from self._called(
                    number, "I read the rules first.", [(self.shell, {"command": f"cat /skills/{name}/SKILL.md"}, text)]
                )
            case Step(number, said):
                yield from self._called(number, said, made_in(event, self.shell, self.planner))

    def _called(self, number: int, said: str, made: Sequence[Made]) -> Iterator[Item]:
        if self.reasons:
            sealed = Random(number).randbytes(300).hex()
            summary = [{"type": "summary_text", "text": f"Step {number}."}]
            yield {"type": "reasoning", "id": f"rs_{number}", "summary": summary, "encrypted_content": sealed}
        if said:
            yield _said("assistant", said)
        ids = [f"call_{number:04d}{place:02d}" for place in range(len(made))]
        for call_id, (name, given, _) in zip(ids, made, strict=True):
            yield {"type": "function_call", "call_id": call_id, "name": name, "arguments": json.dumps(given)}
        for call_id, (*_, printed) in zip(ids, made, strict=True):
            yield {"type": "function_call_output", "call_id": call_id, "output": printed}


def _said(role: str, text: str) -> Item:
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}


def _shown() -> Item:
    return {"type": "message", "role": "user", "content": [{"type": "input_image", "image_url": PICTURE}]}
