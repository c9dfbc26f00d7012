"""`token-guard count`: the tokens of texts and chat requests, by role and part, against a model's context window."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rich.console import Console
from rich.table import Table

from token_guard.budget import ContextLimit
from token_guard.commands.inputs import InputError, fill, model_or, read_text, request_in, variables
from token_guard.conversation import Conversation, Media, Message, Omitted, Opaque, Part, Reasoning, Text, ToolCall, ToolResult
from token_guard.counting import Meter, meter_for, own_meter_for
from token_guard.errors import ModelNotSupportedError
from token_guard.formats import Unreadable, format_for
from token_guard.guard import Guard
from token_guard.limits import LimitChain

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
    """One input: its tokens as its model counts, and for a chat request where they are (empty for text)."""

    name: str
    model: str
    limit: ContextLimit
    tokens: int
    split: Mapping[str, int]
    margin: float = 0.0
    """By which share the provider may count more; 0.0 where texts are counted by the model's own vocabulary."""

    @property
    def found(self) -> bool:
        """Whether it is larger than its model's window."""
        return self.tokens > self.limit.max_input_tokens

    def share(self, tokens: int) -> float:
        """The share of the model's window that so many tokens take."""
        return tokens / self.limit.max_input_tokens

    def as_json(self) -> dict[str, Any]:
        """Name, model and window, tokens, their share and split."""
        share, window = round(self.share(self.tokens), 4), _window(self.limit)
        return {
            "name": self.name,
            "model": self.model,
            "tokens": self.tokens,
            "counted": "estimate" if self.margin else "exact",
            "margin": self.margin,
            "share": share,
            "split": dict(self.split),
            "window": window,
        }


@dataclass(frozen=True, slots=True)
class Count:
    """All inputs, each counted for its own model, and a line on each that could not be read."""

    inputs: tuple[Counted, ...]
    errors: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """Tokens of all inputs together."""
        return sum(counted.tokens for counted in self.inputs)

    @property
    def found(self) -> bool:
        """Whether an input is larger than its model's window, or could not be read."""
        return bool(self.errors) or any(counted.found for counted in self.inputs)

    @property
    def common(self) -> Counted | None:
        """An input whose model is that of all; None where they differ, so that a total says nothing about a window."""
        return self.inputs[0] if len({one.model for one in self.inputs}) == 1 else None

    def as_json(self) -> Mapping[str, Any]:
        """Each input, what could not be read, and the total; model, window and share of the total where all have the same model."""
        of_all = {
            "model": self.common and self.common.model,
            "share": self.common and round(self.common.share(self.total), 4),
            "window": self.common and _window(self.common.limit),
        }
        return {**of_all, "inputs": [one.as_json() for one in self.inputs], "total": self.total, "errors": list(self.errors)}

    def show(self, out: Console, remarks: Console, /) -> None:
        """A table: one row per input, the split of each request below it, the total last."""
        out.print(_table(self))
        for model, limit in {one.model: one.limit for one in self.inputs}.items():
            remarks.print(f"{model}: a window of {limit.max_input_tokens:,} tokens, says {limit.source}", soft_wrap=True)
        for model, margin in {one.model: one.margin for one in self.inputs if one.margin}.items():
            remarks.print(f"{model}: estimated; the provider may count up to {margin:.0%} more", soft_wrap=True)


def count(names: Sequence[str], model: str | None, assignments: Sequence[str]) -> Count:
    """Count each of the files named ("-" is standard input) for the model, else for the one that its request names, else for gpt-4o.

    Raises InputError when none of them can be read, ModelNotSupportedError for an empty model.
    """
    values, limits = variables(assignments), Guard().limits
    given = None if model is None else model_or(model, {})
    inputs: list[Counted] = []
    errors: list[str] = []
    for name in names:
        try:
            inputs.append(_counted(name, given, values, limits))
        except InputError as error:
            errors.append(str(error))
        except ModelNotSupportedError as error:
            errors.append(f"{name}: {error}")
    if not inputs:
        raise InputError("; ".join(errors))
    return Count(tuple(inputs), tuple(errors))


def _counted(name: str, given: str | None, values: Mapping[str, str], limits: LimitChain) -> Counted:
    text = read_text(name)
    request = request_in(text, values)
    model = model_or(given, request or {})
    own, limit = own_meter_for(model), limits.resolve(model)
    meter = own or meter_for(model)
    margin = 0.0 if own else round(meter.doubt, 4)
    format_ = format_for(None, request) if request is not None else None
    conversation = format_.parse(request) if format_ is not None and request is not None else None
    if conversation is None or isinstance(conversation, Unreadable):
        return Counted(name, model, limit, meter.text(fill(text, values)), {}, margin)
    return Counted(name, model, limit, meter.measure(conversation).tokens, split(meter, conversation), margin)


def _window(limit: ContextLimit) -> dict[str, Any]:
    return {"max_input_tokens": limit.max_input_tokens, "source": limit.source}


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
    common = counted.common
    table = Table("input", show_footer=len(counted.inputs) > 1)
    table.columns[0].footer = "total"
    table.add_column("tokens", justify="right", footer=f"{counted.total:,}")
    table.add_column("of the window", justify="right", footer=f"{common.share(counted.total):.1%}" if common else "-")
    for one in counted.inputs:
        name = one.name if common else f"{one.name} ({one.model})"
        table.add_row(name, f"{one.tokens:,}", f"{one.share(one.tokens):.1%}", style="red" if one.found else None)
        for part, tokens in one.split.items():
            table.add_row(f"  {part}", f"{tokens:,}", f"{one.share(tokens):.1%}", style="dim")
    return table
