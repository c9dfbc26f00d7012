"""`token-guard count`: the tokens of texts and chat requests, by role and part, against a model's context window."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rich.console import Console
from rich.table import Table

from token_guard.budget import ContextLimit
from token_guard.commands.inputs import fill, model_or, read_text, request_in, variables
from token_guard.conversation import Conversation, Media, Message, Omitted, Opaque, Part, Reasoning, Text, ToolCall, ToolResult
from token_guard.counting import Meter, meter_for
from token_guard.formats import Unreadable, format_for
from token_guard.guard import Guard

__all__ = ["Count", "Counted", "count", "split"]

PARTS: Mapping[type[Part], str] = {
    Text: "{role} text",
    Reasoning: "reasoning",
    ToolCall: "tool calls",
    ToolResult: "tool results",
    Media: "{role} media",
    Opaque: "{role} other",
    Omitted: "{role} other",
}
"""What each kind of part is called in a split."""


@dataclass(frozen=True, slots=True)
class Counted:
    """One input: its tokens, and for a chat request where they are (empty for text)."""

    name: str
    tokens: int
    split: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Count:
    """All inputs, counted for one model."""

    model: str
    limit: ContextLimit
    inputs: tuple[Counted, ...]

    @property
    def total(self) -> int:
        """Tokens of all inputs together."""
        return sum(counted.tokens for counted in self.inputs)

    @property
    def found(self) -> bool:
        """Whether an input alone is larger than the model's window."""
        return any(counted.tokens > self.limit.max_input_tokens for counted in self.inputs)

    def share(self, tokens: int) -> float:
        """The share of the model's window that so many tokens take."""
        return tokens / self.limit.max_input_tokens

    def as_json(self) -> Mapping[str, Any]:
        """Tokens by input, their split, the total and its share of the window."""
        inputs = [
            {"name": one.name, "tokens": one.tokens, "share": round(self.share(one.tokens), 4), "split": dict(one.split)}
            for one in self.inputs
        ]
        window = {"max_input_tokens": self.limit.max_input_tokens, "source": self.limit.source}
        return {"model": self.model, "inputs": inputs, "total": self.total, "share": round(self.share(self.total), 4), "window": window}

    def show(self, out: Console, remarks: Console, /) -> None:
        """A table: one row per input, the split of each request below it, the total last."""
        out.print(_table(self))
        remarks.print(f"{self.model}: a window of {self.limit.max_input_tokens:,} tokens, says {self.limit.source}", soft_wrap=True)


def count(names: Sequence[str], model: str | None, assignments: Sequence[str]) -> Count:
    """Count the files named ("-" is standard input) for the model, else for the first that a request names, else for gpt-4o."""
    values = variables(assignments)
    texts = [(name, read_text(name)) for name in names]
    requests = [request_in(text, values) for _, text in texts]
    chosen = model_or(model, next((request for request in requests if request and request.get("model")), {}))
    meter = meter_for(chosen)
    inputs = tuple(_counted(meter, name, fill(text, values), request) for (name, text), request in zip(texts, requests, strict=True))
    return Count(chosen, Guard().limits.resolve(chosen), inputs)


def _counted(meter: Meter, name: str, text: str, request: Mapping[str, Any] | None) -> Counted:
    format_ = format_for(None, request) if request is not None else None
    conversation = format_.parse(request) if format_ is not None and request is not None else None
    if conversation is None or isinstance(conversation, Unreadable):
        return Counted(name, meter.text(text), {})
    return Counted(name, meter.measure(conversation).tokens, split(meter, conversation))


def split(meter: Meter, conversation: Conversation) -> dict[str, int]:
    """Where the tokens of a request are: by role and part, then its tool definitions, then what the wire format adds."""
    found: Counter[str] = Counter()
    for message in conversation.messages:
        found.update(_split_message(meter, message))
    tools = meter.overhead(conversation) - meter.overhead(replace(conversation, tools=None))
    found["tool definitions"] += tools
    found["framing"] += meter.measure(conversation).tokens - found.total()
    return {name: tokens for name, tokens in found.items() if tokens}


def _split_message(meter: Meter, message: Message) -> Counter[str]:
    frame = meter.message(replace(message, parts=(), origin=None))
    found: Counter[str] = Counter()
    for part in message.parts:
        found[PARTS[type(part)].format(role=message.role)] += meter.message(replace(message, parts=(part,), origin=None)) - frame
    return found


def _table(counted: Count) -> Table:
    table = Table("input", show_footer=len(counted.inputs) > 1)
    table.columns[0].footer = "total"
    table.add_column("tokens", justify="right", footer=f"{counted.total:,}")
    table.add_column("of the window", justify="right", footer=f"{counted.share(counted.total):.1%}")
    for one in counted.inputs:
        style = "red" if one.tokens > counted.limit.max_input_tokens else None
        table.add_row(one.name, f"{one.tokens:,}", f"{counted.share(one.tokens):.1%}", style=style)
        for name, tokens in one.split.items():
            table.add_row(f"  {name}", f"{tokens:,}", f"{counted.share(tokens):.1%}", style="dim")
    return table
