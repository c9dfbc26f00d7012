"""Sessions as clients of Anthropic's Messages send them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clients.eventful.chat import PICTURE, plan_arguments
from clients.eventful.scripts import Ask, Event, Nudge, Plan, Reply, Rules, Step

__all__ = ["Messages"]

Block = dict[str, Any]
CACHED = {"cache_control": {"type": "ephemeral"}}


@dataclass(frozen=True, slots=True)
class Messages:
    """How a client writes; `reminders` stand before the first words of the user's, `thinks` puts thinking before calls."""

    shell: str = "Bash"
    planner: str = "TodoWrite"
    reminders: str = ""
    thinks: bool = False
    caches: bool = True

    @property
    def standing(self) -> Sequence[str]:
        """Rules around the messages."""
        return (self.reminders,) if self.reminders else ()

    def __call__(self, events: Sequence[Event]) -> list[Block]:
        turns: list[tuple[str, list[Block]]] = []
        for role, blocks in (turn for event in events for turn in self._turns(event)):
            # what the user says beside results stands in the same message, behind them
            if turns and turns[-1][0] == role == "user":
                turns[-1][1].extend(blocks)
            else:
                turns.append((role, list(blocks)))
        if self.reminders and turns:
            turns[0][1].insert(0, _text(self.reminders))
        if self.caches and turns and turns[-1][0] == "user":
            turns[-1][1][-1] = {**turns[-1][1][-1], **CACHED}
        return [{"role": role, "content": blocks} for role, blocks in turns]

    def _turns(self, event: Event) -> Iterator[tuple[str, list[Block]]]:
        match event:
            case Ask(text):
                yield "user", [_text(text)]
            case Nudge(text, picture):
                yield "user", [_picture() if picture else _text(text)]
            case Reply(text):
                yield "assistant", [_text(text)]
            case Plan(number):
                yield from self._made(
                    number, "I write the plan down.", [(self.planner, plan_arguments(self.planner, event), "Todos were written.")]
                )
            case Rules(number, name, text):
                yield from self._made(number, "I load the skill.", [("Skill", {"skill": name}, f"Launching skill: {name}")])
                yield "user", [_text(f"Base directory of this skill: /skills/{name}\n\n{text}")]
            case Step(number, said, calls):
                yield from self._made(
                    number, said, [(self.shell, {"command": call.command, "description": "step"}, call.output) for call in calls]
                )

    def _made(self, number: int, said: str, calls: Sequence[tuple[str, Mapping[str, Any], str]]) -> Iterator[tuple[str, list[Block]]]:
        ids = [f"toolu_{number:04d}{place:02d}" for place in range(len(calls))]
        made = [
            {"type": "tool_use", "id": call_id, "name": name, "input": dict(given)}
            for call_id, (name, given, _) in zip(ids, calls, strict=True)
        ]
        yield "assistant", [*self._thought(number), _text(said), *made]
        yield (
            "user",
            [
                {"type": "tool_result", "tool_use_id": call_id, "content": printed}
                for call_id, (*_, printed) in zip(ids, calls, strict=True)
            ],
        )

    def _thought(self, number: int) -> list[Block]:
        if not self.thinks:
            return []
        seal = hashlib.sha256(f"thought {number}".encode()).hexdigest()
        return [{"type": "thinking", "thinking": f"What is known by now leads to step {number} of the plan.", "signature": seal}]


def _text(text: str) -> Block:
    return {"type": "text", "text": text}


def _picture() -> Block:
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE.partition(",")[2]}}
