"""Sessions as clients of Responses send them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clients.eventful.chat import PICTURE, plan_arguments
from clients.eventful.scripts import Ask, Event, Nudge, Plan, Reply, Rules, Step

__all__ = ["Responses"]

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Responses:
    """How a client writes; `reasons` puts a sealed reasoning item before each of the model's own."""

    shell: str = "shell"
    planner: str = "update_plan"
    reasons: bool = True
    opening: Sequence[Item] = ()

    @property
    def standing(self) -> Sequence[str]:
        """Rules around the messages."""
        return [part["text"] for item in self.opening for part in item["content"] if "nstructions" in part["text"]]

    def __call__(self, events: Sequence[Event]) -> list[Item]:
        return [*self.opening, *(item for event in events for item in self._items(event))]

    def _items(self, event: Event) -> Iterator[Item]:
        match event:
            case Ask(text):
                yield _said("user", text)
            case Nudge(text, picture):
                yield (
                    {"type": "message", "role": "user", "content": [{"type": "input_image", "image_url": PICTURE}]}
                    if picture
                    else _said("user", text)
                )
            case Reply(text):
                yield _said("assistant", text)
            case Plan(number):
                name = self.planner or self.shell
                given = plan_arguments(name, event) if self.planner else {"command": "ls"}
                yield from self._made(number, "", [(name, given, "Plan updated")])
            case Rules(number, name, text):
                yield from self._made(number, "I read the rules first.", [(self.shell, {"command": f"cat /skills/{name}/SKILL.md"}, text)])
            case Step(number, said, calls):
                yield from self._made(number, said, [(self.shell, {"command": call.command}, call.output) for call in calls])

    def _made(self, number: int, said: str, calls: Sequence[tuple[str, Mapping[str, Any], str]]) -> Iterator[Item]:
        if self.reasons:
            sealed = f"sealed{number:04d}" * 40
            yield {
                "type": "reasoning",
                "id": f"rs_{number}",
                "summary": [{"type": "summary_text", "text": f"Step {number}."}],
                "encrypted_content": sealed,
            }
        if said:
            yield _said("assistant", said)
        ids = [f"call_{number:04d}{place:02d}" for place in range(len(calls))]
        for call_id, (name, given, _) in zip(ids, calls, strict=True):
            yield {"type": "function_call", "call_id": call_id, "name": name, "arguments": json.dumps(given)}
        for call_id, (*_, printed) in zip(ids, calls, strict=True):
            yield {"type": "function_call_output", "call_id": call_id, "output": printed}


def _said(role: str, text: str) -> Item:
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}
