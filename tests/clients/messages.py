"""Sessions as clients of Anthropic's Messages send them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from clients.chat import PICTURE, Made, Tool, made_in
from clients.scripts import Ask, Event, Nudge, Plan, Reply, Rules, Step

__all__ = ["Messages"]

Block = dict[str, Any]
CACHED = {"cache_control": {"type": "ephemeral"}}


@dataclass(frozen=True, slots=True)
class Messages:
    """How a client writes."""

    shell: str = "Bash"
    planner: str = "TodoWrite"
    standing: Sequence[str] = ()
    """Rules that stand before the first words of the user's."""
    thinks: bool = False
    """Whether thinking stands before calls."""
    caches: bool = True

    def __call__(self, events: Sequence[Event]) -> list[Block]:
        turns: list[tuple[str, list[Block]]] = []
        for role, blocks in (turn for event in events for turn in self._turns(event)):
            # what the user says beside results stands in the same message, behind them
            if turns and turns[-1][0] == role == "user":
                turns[-1][1].extend(blocks)
            else:
                turns.append((role, list(blocks)))
        if turns:
            turns[0][1][:0] = map(_text, self.standing)
        if self.caches and turns and turns[-1][0] == "user":
            turns[-1][1][-1] = {**turns[-1][1][-1], **CACHED}
        return [{"role": role, "content": blocks} for role, blocks in turns]

    def framed(self, instructions: str, tools: Sequence[Tool], messages: Sequence[Block]) -> Block:
        """The request around messages."""
        system = [_text("You are an agent for software."), {**_text(instructions), **CACHED}]
        functions = [{"name": tool["name"], "description": tool["description"], "input_schema": tool["parameters"]} for tool in tools]
        return {"system": system, "messages": messages, "tools": functions}

    def _turns(self, event: Event) -> Iterator[tuple[str, list[Block]]]:
        match event:
            case Ask(text):
                yield "user", [_text(text)]
            case Nudge(text, picture):
                yield "user", [_picture() if picture else _text(text)]
            case Reply(text):
                yield "assistant", [_text(text)]
            case Plan(number):
                yield from self._called(number, "First I see to the plan.", made_in(event, self.shell, self.planner))
            case Rules(number, name, text):
                yield from self._called(number, "I load the skill.", [("Skill", {"skill": name}, f"Launching skill: {name}")])
                yield "user", [_text(f"Base directory of this skill: /skills/{name}\n\n{text}")]
            case Step(number, said):
                yield from self._called(number, said, made_in(event, self.shell, self.planner))

    def _called(self, number: int, said: str, made: Sequence[Made]) -> Iterator[tuple[str, list[Block]]]:
        ids = [f"toolu_{number:04d}{place:02d}" for place in range(len(made))]
        calls = [
            {"type": "tool_use", "id": call_id, "name": name, "input": given} for call_id, (name, given, _) in zip(ids, made, strict=True)
        ]
        yield "assistant", [*self._thought(number), _text(said), *calls]
        results = ({"type": "tool_result", "tool_use_id": call_id, "content": text} for call_id, (*_, text) in zip(ids, made, strict=True))
        yield "user", list(results)

    def _thought(self, number: int) -> list[Block]:
        if not self.thinks:
            return []
        seal = hashlib.sha256(f"thought {number}".encode()).hexdigest()
        return [{"type": "thinking", "thinking": f"What is known by now leads to step {number} of the plan.", "signature": seal}]


def _text(text: str) -> Block:
    return {"type": "text", "text": text}


def _picture() -> Block:
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE.partition(",")[2]}}
