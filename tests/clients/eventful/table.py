"""The clients: what each sends, as far as it decides about room."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from random import Random
from typing import Any

from clients.eventful import texts
from clients.eventful.chat import Chat
from clients.eventful.messages import CACHED, Messages
from clients.eventful.responses import Responses
from clients.eventful.scripts import Size
from clients.eventful.sessions import Request, Shape
from clients.eventful.text_protocol import Files, TextProtocol, bash_block, python_block

__all__ = ["SHAPES"]

CHAT, MESSAGES, RESPONSES = "openai.chat", "anthropic.messages", "openai.responses"
OPEN = ("openai/gpt-4o", "openai/my-model", "hosted_vllm/qwen3-coder", "deepseek/deepseek-chat")
CLAUDE = ("anthropic/claude-sonnet-4-5",)
GPT = ("openai/gpt-5", "openai/gpt-4o")
Body = Callable[[list[dict[str, Any]]], Request]


def _tools(rng: Random, names: Sequence[str], tokens: int) -> list[dict[str, Any]]:
    """Definitions of so many tokens together, as functions' names, words and schemas."""
    each = tokens // len(names)
    keys = ("command", "path", "description", "limit")
    schema = {
        "type": "object",
        "properties": {key: {"type": "string", "description": f"The {key} to use."} for key in keys},
        "required": ["command"],
    }
    return [{"name": name, "description": texts.prose(rng, max(20, each - 70)), "parameters": schema} for name in names]


def _chat(rng: Random, *, system: int, names: Sequence[str] = (), tools: int = 0, parts: bool = False, **options: Any) -> Body:
    words = texts.prose(rng, system)
    head = {"role": "system", "content": [{"type": "text", "text": words}] if parts else words}
    functions = [{"type": "function", "function": tool} for tool in _tools(rng, names, tools)] if names else None
    around = {**({"tools": functions} if functions else {}), **options}
    return lambda messages: {"messages": [head, *messages], **around}


def _messages(rng: Random, *, system: int, names: Sequence[str], tools: int, **options: Any) -> Body:
    blocks = [{"type": "text", "text": "You are an agent for software."}, {"type": "text", "text": texts.prose(rng, system), **CACHED}]
    made = [{**tool, "input_schema": tool["parameters"]} for tool in _tools(rng, names, tools)]
    definitions = [{key: value for key, value in tool.items() if key != "parameters"} for tool in made]
    return lambda messages: {"system": blocks, "messages": messages, "tools": definitions, **options}


def _responses(rng: Random, *, system: int, names: Sequence[str], tools: int, **options: Any) -> Body:
    around = {
        "instructions": texts.prose(rng, system),
        "tools": [{"type": "function", **tool} for tool in _tools(rng, names, tools)],
        **options,
    }
    return lambda items: {**around, "input": items}


def _numbered(count: int, *names: str) -> tuple[str, ...]:
    return (*names, *(f"tool_{number}" for number in range(count - len(names))))


def _as_json(printed: str) -> str:
    return json.dumps({"returncode": 0, "output": printed}, indent=2)


def _claude(rng: Random, *, thinks: bool) -> Messages:
    reminders = f"<system-reminder>\nAs you answer, you can use this context:\n{texts.rules(rng)}\n</system-reminder>"
    return Messages(reminders=reminders, thinks=thinks)


def _preamble(rng: Random) -> list[dict[str, Any]]:
    """What some clients say in the user's place before the user does, with the answer that they give themselves."""
    said = f"This is the context of our chat. The folder has these files:\n{texts.output(rng, 600)}"
    return [{"role": "user", "content": said}, {"role": "assistant", "content": "Got it. Thanks for the context!"}]


def _environment(rng: Random) -> list[dict[str, Any]]:
    rules = f"# AGENTS.md instructions for /srv/harbour\n\n<INSTRUCTIONS>\n{texts.rules(rng)}\n</INSTRUCTIONS>"
    place = "<environment_context>\n  <cwd>/srv/harbour</cwd>\n  <shell>bash</shell>\n</environment_context>"
    rights = "<permissions instructions>\nNo approval is needed; the network is closed.\n</permissions instructions>"
    told = [("developer", rights), ("user", rules), ("user", place)]
    return [{"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]} for role, text in told]


def _aider(rng: Random) -> Files:
    example = [
        {"role": "user", "content": "Change get_total() to use math.fsum"},
        {
            "role": "assistant",
            "content": f"To make this change we need to modify `shop/cart.py`:\n\nshop/cart.py\n```python\n{texts.code(rng, 200)}\n```",
        },
        {"role": "user", "content": "I switched to a new code base. Please don't consider the above files or try to edit them any longer."},
        {"role": "assistant", "content": "Ok."},
    ]
    files = {texts.names(rng)[2]: texts.code(rng, rng.randrange(500, 4_000)) for _ in range(2)}
    return Files(example, files, texts.output(rng, 1_500), f"# Rules for blocks of changes\n{texts.prose(rng, 500)}")


TASKED = "Please solve this issue: {}\n\nYou can run commands and edit files. Send one command a turn, and submit when all is done."
CODE = Size(output=900, calls=2)
SMALL = Size(output=700, calls=2, plans=False)
ONE_TASK = Size(output=700, calls=2, plans=False, again=0)

CLAUDE_TOOLS = _numbered(16, "Bash", "Read", "Edit", "Write", "Grep", "Glob", "TodoWrite", "Skill", "Task", "WebFetch")
OPENCODE_TOOLS = _numbered(12, "bash", "read", "edit", "write", "grep", "todowrite", "skill", "task")
QWEN_TOOLS = _numbered(15, "run_shell_command", "read_file", "edit", "todo_write", "skill")


def _shape(
    name: str, api: str, models: Sequence[str], replies: Sequence[int | None], size: Size, dress: Any, body: Any, **more: Any
) -> tuple[str, Shape]:
    made = dress if callable(dress) and not isinstance(dress, (Chat, Messages, Responses, TextProtocol)) else lambda _rng: dress
    return name, Shape(name, api, tuple(models), tuple(replies), size, made, body, **more)


SHAPES: Mapping[str, Shape] = dict(
    [
        _shape(
            "mini-swe-agent",
            CHAT,
            OPEN,
            [None],
            ONE_TASK,
            Chat(asked=TASKED, printed=_as_json),
            partial(_chat, system=20, names=("bash",), tools=70),
        ),
        _shape(
            "mini-swe-agent, text",
            CHAT,
            OPEN,
            [None],
            ONE_TASK,
            TextProtocol(bash_block, "<returncode>0</returncode>\n<output>\n{}\n</output>", asked=TASKED),
            partial(_chat, system=130),
            kind="observations",
        ),
        _shape("aider", CHAT, OPEN, [None], Size(plans=False, again=0.1), _aider, partial(_chat, system=1_600), kind="talk"),
        _shape(
            "Claude Code",
            MESSAGES,
            CLAUDE,
            [32_000, 32_000, 21_333, 8_192, 64_000],
            Size(output=900, calls=3, loads=True, nudged=0.12),
            partial(_claude, thinks=False),
            partial(_messages, system=3_000, names=CLAUDE_TOOLS, tools=14_000),
        ),
        _shape(
            "Claude Code, thinking",
            MESSAGES,
            CLAUDE,
            [32_000],
            Size(output=900, calls=3, loads=True, nudged=0.12),
            partial(_claude, thinks=True),
            partial(_messages, system=3_000, names=CLAUDE_TOOLS, tools=14_000, thinking={"type": "enabled", "budget_tokens": 4_000}),
        ),
        _shape(
            "Codex",
            RESPONSES,
            GPT,
            [None],
            CODE,
            lambda rng: Responses(opening=_environment(rng)),
            partial(_responses, system=4_500, names=_numbered(6, "shell", "update_plan", "apply_patch"), tools=2_000, store=False),
            reply_key="max_output_tokens",
        ),
        _shape(
            "opencode",
            CHAT,
            OPEN,
            [32_000, 8_000],
            Size(output=900, calls=3, loads=True),
            Chat(planner="todowrite"),
            partial(_chat, system=3_500, names=OPENCODE_TOOLS, tools=7_500),
        ),
        _shape(
            "qwen-code",
            CHAT,
            OPEN,
            [8_000, 64_000],
            CODE,
            lambda rng: Chat(shell="run_shell_command", planner="todo_write", opening=_preamble(rng)),
            partial(_chat, system=6_500, names=QWEN_TOOLS, tools=8_500),
        ),
        _shape(
            "gemini-cli",
            CHAT,
            ("gemini/gemini-2.5-pro", "openai/my-model"),
            [None, 8_192],
            Size(output=1_200, calls=3),
            lambda rng: Chat(shell="run_shell_command", planner="write_todos", opening=_preamble(rng), printed=_as_json),
            partial(_chat, system=6_000, names=_numbered(12, "run_shell_command", "read_file", "write_todos"), tools=5_000),
        ),
        _shape(
            "OpenHands",
            CHAT,
            OPEN,
            [None, 8_192],
            CODE,
            Chat(shell="terminal", planner="task_tracker", parts=True),
            partial(
                _chat,
                system=4_000,
                names=_numbered(5, "terminal", "file_editor", "task_tracker", "think", "finish"),
                tools=3_500,
                parts=True,
            ),
        ),
        _shape("openai-agents", CHAT, GPT, [None], SMALL, Chat(), partial(_chat, system=100, names=("bash", "read_file"), tools=200)),
        _shape(
            "openai-agents, Responses",
            RESPONSES,
            GPT,
            [None, 4_000],
            SMALL,
            Responses(shell="bash", planner="", reasons=False),
            partial(_responses, system=100, names=("bash", "read_file"), tools=200),
            reply_key="max_output_tokens",
        ),
        _shape(
            "pydantic-ai",
            CHAT,
            OPEN,
            [None, 16_000],
            Size(output=1_500, plans=False),
            Chat(),
            partial(_chat, system=400, names=_numbered(4, "bash"), tools=600),
        ),
        _shape(
            "pydantic-ai, Anthropic",
            MESSAGES,
            CLAUDE,
            [4_096],
            Size(output=1_500, plans=False),
            Messages(shell="bash", caches=False),
            partial(_messages, system=400, names=_numbered(4, "bash"), tools=600),
        ),
        _shape(
            "LangChain",
            CHAT,
            OPEN,
            [None, 2_000],
            CODE,
            Chat(planner="write_todos"),
            partial(_chat, system=1_200, names=_numbered(9, "bash", "write_todos"), tools=4_000),
        ),
        _shape(
            "smolagents",
            CHAT,
            OPEN,
            [None, 4_096],
            SMALL,
            TextProtocol(
                python_block, "Observation:\nExecution logs:\n{}\nLast output from code snippet:\nNone", asked="New task:\n{}", parts=True
            ),
            partial(_chat, system=2_000, parts=True),
            kind="observations",
        ),
    ]
)
