"""A model that does what a script says, on loopback: it enforces its window and the rules of its API, and has real clients work."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

from anthropic_rules import anthropic_refusal
from responses_rules import complaints, count_input

from token_guard.demo.openai_rules import ContextWindow as Window
from token_guard.demo.openai_rules import Refusal, count_prompt, openai_refusal
from token_guard.demo.stand_in import Endpoint, StandIn

__all__ = ["DONE", "Manner", "ScriptedModel", "prefix_shares"]

Manner = Literal["tools", "bash block", "python block", "talk"]
Request = Mapping[str, Any]

DONE = "DONE-7731"
"""What the model says when its script is at its end."""

SUBMIT = "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"
"""The command by which some agents are told that all is done."""


@dataclass(frozen=True, slots=True)
class AnthropicError(Refusal):
    """An error answer in Anthropic's shape."""

    @property
    def body(self) -> dict[str, Any]:
        return {"type": "error", "error": {"type": self.type, "message": self.message}}


@dataclass(frozen=True, slots=True)
class Turn:
    """What the model does next: words, and a command unless it is done."""

    number: int
    said: str
    command: str | None


@dataclass
class ScriptedModel(StandIn):
    """Serves the three APIs with a context window of `window` tokens while its `with` block runs; `commands` are what it has done, one a turn."""

    window: int
    commands: list[str]
    manner: Manner = "tools"
    answered: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(
            {
                "/chat/completions": Endpoint(lambda request: openai_refusal(request, Window(self.window)), self._completion, self._chunks),
                "/responses": Endpoint(self._responses_refusal, self._response, lambda _request: iter(())),
                "/v1/messages": Endpoint(self._messages_refusal, self._message, lambda _request: iter(())),
            }
        )

    @property
    def is_done(self) -> bool:
        return len(self.answered) > len(self.commands)

    def _next(self, request: Request) -> Turn:
        number = len(self.answered)
        self.answered.append(dict(request))
        if number >= len(self.commands):
            return Turn(number, f"{DONE}: every step was made.", None)
        return Turn(number, f"Step {number}: I run this next and look at what it prints.", self.commands[number])

    def _words(self, turn: Turn) -> str:
        """The turn as text, for clients that read commands out of words."""
        command = turn.command
        if self.manner == "bash block":
            return f"THOUGHT: {turn.said}\n\n```mswea_bash_command\n{command or SUBMIT}\n```"
        if self.manner == "python block":
            code = f"final_answer({DONE!r})" if command is None else f"print(bash({command!r}))"
            return f"Thought: {turn.said}\n<code>\n{code}\n</code>"
        return f"{turn.said} {'It is used by two other modules. ' * 20}"

    def _call(self, turn: Turn, tools: Request) -> tuple[str, dict[str, Any]] | None:
        """The call that a turn makes of the tools that a client offers; None where the turn is words alone."""
        if turn.command is not None:
            return "bash", {"command": turn.command}
        return ("final_answer", {"answer": DONE}) if "final_answer" in tools else None

    def _completion(self, request: Request) -> dict[str, Any]:
        turn = self._next(request)
        tools = {tool["function"]["name"]: tool for tool in request.get("tools") or ()}
        if self.manner != "tools":
            message: dict[str, Any] = {"role": "assistant", "content": self._words(turn)}
        else:
            submits = turn.command is None and DONE not in tools and "COMPLETE_TASK" in json.dumps(request["messages"][:2])
            call = ("bash", {"command": SUBMIT}) if submits else self._call(turn, tools)
            made = [_function(turn, *call)] if call else None
            message = {"role": "assistant", "content": turn.said, **({"tool_calls": made} if made else {})}
        reason = "tool_calls" if message.get("tool_calls") else "stop"
        head = {"id": f"chatcmpl-{turn.number}", "object": "chat.completion", "created": 0, "model": request.get("model")}
        return {**head, "choices": [{"index": 0, "message": message, "finish_reason": reason}], "usage": _usage(count_prompt(request))}

    def _chunks(self, request: Request) -> Iterator[Mapping[str, Any] | str]:
        whole = self._completion(request)
        choice = whole["choices"][0]
        head = {**whole, "object": "chat.completion.chunk"}
        usage = head.pop("usage")
        calls = [{**call, "index": place} for place, call in enumerate(choice["message"].get("tool_calls") or ())]
        delta = {**choice["message"], **({"tool_calls": calls} if calls else {})}
        yield {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        yield {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]}
        if (request.get("stream_options") or {}).get("include_usage"):
            yield {**head, "choices": [], "usage": usage}
        yield "[DONE]"

    def _response(self, request: Request) -> dict[str, Any]:
        turn = self._next(request)
        call = self._call(turn, {tool.get("name"): tool for tool in request.get("tools") or ()})
        said = {"type": "output_text", "text": turn.said, "annotations": []}
        items: list[dict[str, Any]] = [
            {"type": "message", "id": f"msg_{turn.number}", "status": "completed", "role": "assistant", "content": [said]}
        ]
        if call:
            made = {"name": call[0], "arguments": json.dumps(call[1]), "status": "completed"}
            items.append({"type": "function_call", "id": f"fc_{turn.number}", "call_id": f"call_{turn.number}", **made})
        size = count_input(request)
        usage = {"input_tokens": size, "output_tokens": 40, "total_tokens": size + 40}
        head = {"id": f"resp_{turn.number}", "object": "response", "created_at": 0, "status": "completed", "model": request["model"]}
        return {**head, "output": items, "usage": usage, "parallel_tool_calls": True, "tool_choice": "auto", "tools": []}

    def _message(self, request: Request) -> dict[str, Any]:
        turn = self._next(request)
        call = self._call(turn, {})
        content: list[dict[str, Any]] = [{"type": "text", "text": turn.said}]
        if call:
            content.append({"type": "tool_use", "id": f"toolu_{turn.number}", "name": call[0], "input": call[1]})
        usage = {"input_tokens": _size(request), "output_tokens": 40}
        head = {"id": f"msg_{turn.number}", "type": "message", "role": "assistant", "model": request["model"], "stop_sequence": None}
        return {**head, "content": content, "stop_reason": "tool_use" if call else "end_turn", "usage": usage}

    def _responses_refusal(self, request: Request) -> Refusal | None:
        items = request["input"]
        broken = complaints(items) if isinstance(items, list) else []
        if broken:
            return Refusal(broken[0], param="input")
        reply = request.get("max_output_tokens") or 0
        return self._too_long(count_input(request) + reply)

    def _messages_refusal(self, request: Request) -> Refusal | None:
        if broken := anthropic_refusal(request):
            return AnthropicError(broken)
        size, reply = _size(request), request["max_tokens"]
        if size > self.window:
            return AnthropicError(f"prompt is too long: {size} tokens > {self.window} maximum")
        words = f"input length and `max_tokens` exceed context limit: {size} + {reply} > {self.window}, decrease input length or `max_tokens` and try again"
        return AnthropicError(words) if size + reply > self.window else None

    def _too_long(self, tokens: int) -> Refusal | None:
        words = "Your input exceeds the context window of this model. Please adjust your input and try again."
        return Refusal(words, code="context_length_exceeded", param="input") if tokens > self.window else None


def prefix_shares(requests: list[dict[str, Any]]) -> list[float]:
    """Of each request after the first, how much of the one before it stands at its beginning: what a prompt cache can read again."""
    written = [_written(request) for request in requests]
    return [_shared(earlier, later) / len(earlier) for earlier, later in pairwise(written)]


def _shared(one: str, other: str) -> int:
    return next((place for place, (left, right) in enumerate(zip(one, other, strict=False)) if left != right), min(len(one), len(other)))


def _written(request: Request) -> str:
    around = [request.get(key) for key in ("tools", "system", "instructions")]
    items = request.get("messages") or request.get("input") or []
    told = items if isinstance(items, list) else [items]
    return "\0".join(json.dumps(_unmarked(part), ensure_ascii=False, sort_keys=True) for part in (around, *told))


def _unmarked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _unmarked(inner) for key, inner in value.items() if key != "cache_control"}
    return [_unmarked(inner) for inner in value] if isinstance(value, list) else value


def _function(turn: Turn, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"id": f"call_{turn.number:05d}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}


def _usage(prompt: int) -> dict[str, int]:
    return {"prompt_tokens": prompt, "completion_tokens": 40, "total_tokens": prompt + 40}


def _size(request: Request) -> int:
    """Tokens of all texts of a request of Messages, and a few around each of them."""
    prompt = [request.get(key) for key in ("system", "messages", "tools")]
    return count_prompt({"messages": [{"role": "", "content": text} for text in _texts(prompt)]})


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(inner)
