"""The clients: sizes of instructions and tools, roles and their order, plan tools, reply lengths, as those clients have them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from random import Random

from clients import texts
from clients.chat import Chat, Message
from clients.messages import Messages
from clients.pair_programmer import PairProgrammer, all_but_the_newest, every_third, nothing, what_needs_no_mending
from clients.responses import Responses
from clients.scripts import Size
from clients.sessions import Client
from clients.text_protocol import TextProtocol, bash_block, python_block

__all__ = ["CLIENTS"]

CHAT, MESSAGES, RESPONSES = "openai.chat", "anthropic.messages", "openai.responses"
OPEN = ("openai/gpt-4o", "openai/my-model", "hosted_vllm/qwen3-coder", "deepseek/deepseek-chat")
GPT = ("openai/gpt-5", "openai/gpt-4o", "openai/my-model")
CLAUDE = ("anthropic/claude-sonnet-4-5",)
GEMINI = ("gemini/gemini-2.5-pro", "openai/my-model")

CODE = Size(calls=2)
BUSY = Size(calls=3, loads=True)
CLAUDE_CODE = Size(calls=3, loads=True, nudged=0.12)
SMALL = Size(output=700, calls=2, plans=False)
ONE_TASK = Size(output=700, calls=2, plans=False, again=0)
LONG = Size(output=1_500, plans=False)
TALK = Size(plans=False, again=0.1)


def _numbered(count: int, *names: str) -> tuple[str, ...]:
    return (*names, *(f"tool_{number}" for number in range(count - len(names))))


CLAUDE_TOOLS = _numbered(16, "Bash", "Read", "Edit", "Write", "Grep", "Glob", "TodoWrite", "Skill", "Task", "WebFetch")
OPENCODE_TOOLS = _numbered(12, "bash", "read", "edit", "write", "grep", "todowrite", "skill", "task")
QWEN_TOOLS = _numbered(15, "run_shell_command", "read_file", "edit", "todo_write", "skill")
GEMINI_TOOLS = _numbered(12, "run_shell_command", "read_file", "write_todos")
OPENHANDS_TOOLS = _numbered(5, "terminal", "file_editor", "task_tracker", "think", "finish")
CODEX_TOOLS = _numbered(6, "shell", "update_plan", "apply_patch")


def _as_json(printed: str) -> str:
    return json.dumps({"returncode": 0, "output": printed}, indent=2)


def _as_tags(printed: str) -> str:
    return f"<returncode>0</returncode>\n<output>\n{printed}\n</output>"


def _as_observation(printed: str) -> str:
    return f"Observation:\nExecution logs:\n{printed}\nLast output from code snippet:\nNone"


def _asked_by_mini(rng: Random) -> str:
    return (
        f"Please solve this issue: {{}}\n\nSend one command a turn, and submit when all is done.\n\n## Workflow\n{texts.prose(rng, 1_100)}"
    )


def _mini(rng: Random) -> Chat:
    return Chat(asked=_asked_by_mini(rng), printed=rng.choice((_as_json, _as_tags)))


def _mini_in_texts(rng: Random) -> TextProtocol:
    return TextProtocol(asked=_asked_by_mini(rng), printed=_as_tags, does=bash_block)


def _claude(rng: Random, *, thinks: bool) -> Messages:
    told = f"As you answer, you can use this context:\n{texts.rules(rng)}", texts.prose(rng, 300)
    return Messages(standing=[f"<system-reminder>\n{text}\n</system-reminder>" for text in told], thinks=thinks)


def _codex(rng: Random) -> Responses:
    rights = f"<permissions instructions>\n{texts.prose(rng, 250)}\n</permissions instructions>"
    rules = f"# AGENTS.md instructions for /srv/harbour\n\n<INSTRUCTIONS>\n{texts.rules(rng)}\n</INSTRUCTIONS>"
    place = "<environment_context>\n  <cwd>/srv/harbour</cwd>\n  <shell>bash</shell>\n</environment_context>"
    return Responses(opening=[("developer", rights), ("user", rules), ("user", place)])


def _preamble(rng: Random) -> Sequence[Message]:
    """What some clients say in the user's place before the user does, with the answer that they give themselves."""
    said = f"This is the context of our chat. The folder has these files:\n{texts.output(rng, 600)}"
    return [{"role": "user", "content": said}, {"role": "assistant", "content": "Got it. Thanks for the context!"}]


def _qwen(rng: Random) -> Chat:
    return Chat(shell="run_shell_command", planner="todo_write", opening=_preamble(rng))


def _gemini(rng: Random) -> Chat:
    return Chat(shell="run_shell_command", planner="write_todos", opening=_preamble(rng), printed=_as_json)


def _aider(rng: Random) -> PairProgrammer:
    """Edits that need no mending, and no reminder."""
    return PairProgrammer(settled=all_but_the_newest, files=rng.randrange(1_500, 6_000))


def _aider_with_a_map(rng: Random) -> PairProgrammer:
    files, rules = rng.randrange(1_000, 8_000), f"# Rules for blocks of changes\n{texts.prose(rng, 500)}"
    return PairProgrammer(settled=every_third, files=files, map=texts.output(rng, 1_500), rules=rules)


def _aider_mending(rng: Random) -> PairProgrammer:
    rules = texts.prose(rng, 400)
    return PairProgrammer(settled=what_needs_no_mending, mends=True, rules=rules, reminds="behind it")


def _aider_talking(rng: Random) -> PairProgrammer:
    return PairProgrammer(settled=nothing, rules=texts.prose(rng, 400))


SEALED = {"store": False, "include": ["reasoning.encrypted_content"], "stream": True}
THINKING = {"thinking": {"type": "enabled", "budget_tokens": 4_000}, "stream": True}
OPENHANDS = Chat(shell="terminal", planner="task_tracker", parts=True)
SMOLAGENTS = TextProtocol(asked="New task:\n{}", printed=_as_observation, does=python_block, parts=True)
PYDANTIC_ANTHROPIC = Messages(shell="bash", planner="", caches=False)

# name, API, models, replies; sizes of what happens; how it writes; tokens of instructions, tools, their tokens
_TABLE = (
    Client("mini-swe-agent", CHAT, OPEN, (None, 4_096), ONE_TASK, _mini, 20, ("bash",), 70),
    Client("mini-swe-agent, text", CHAT, OPEN, (None,), ONE_TASK, _mini_in_texts, 400, kind="observations"),
    Client("aider", CHAT, OPEN, (None,), TALK, _aider, 1_000, kind="talk"),
    Client("aider, with a map", CHAT, OPEN, (None,), TALK, _aider_with_a_map, 1_600, kind="talk"),
    Client("aider, mending", CHAT, OPEN, (None,), TALK, _aider_mending, 1_000, kind="talk"),
    Client("aider, talking", CHAT, OPEN, (None,), TALK, _aider_talking, 1_400, kind="talk"),
    Client(
        "Claude Code",
        MESSAGES,
        CLAUDE,
        (32_000, 8_000, 21_333, 64_000),
        CLAUDE_CODE,
        partial(_claude, thinks=False),
        3_000,
        CLAUDE_TOOLS,
        14_000,
        options={"stream": True},
    ),
    Client(
        "Claude Code, thinking",
        MESSAGES,
        CLAUDE,
        (32_000,),
        CLAUDE_CODE,
        partial(_claude, thinks=True),
        3_000,
        CLAUDE_TOOLS,
        14_000,
        options=THINKING,
    ),
    Client("Codex", RESPONSES, GPT, (None,), CODE, _codex, 4_500, CODEX_TOOLS, 2_000, options=SEALED),
    Client("opencode", CHAT, OPEN, (32_000, 8_000, None), BUSY, lambda _: Chat(planner="todowrite"), 3_500, OPENCODE_TOOLS, 7_500),
    Client("qwen-code", CHAT, OPEN, (8_000, 64_000, None), CODE, _qwen, 7_500, QWEN_TOOLS, 8_000),
    Client("gemini-cli", CHAT, GEMINI, (None, 8_192), Size(output=1_200, calls=3), _gemini, 6_000, GEMINI_TOOLS, 4_500),
    Client("OpenHands", CHAT, OPEN, (None, 4_096, 8_192), Size(calls=2, stalls=0.1), lambda _: OPENHANDS, 4_000, OPENHANDS_TOOLS, 3_500),
    Client("openai-agents", CHAT, GPT, (None,), SMALL, lambda _: Chat(), 100, ("bash", "read_file", "tool_0"), 300),
    Client(
        "openai-agents, Responses",
        RESPONSES,
        GPT,
        (None, 4_000),
        SMALL,
        lambda _: Responses(shell="bash", planner="", reasons=False),
        100,
        ("bash", "read_file"),
        200,
    ),
    Client("pydantic-ai", CHAT, OPEN, (None, 2_048, 16_000), LONG, lambda _: Chat(silent=True), 400, _numbered(4, "bash"), 600),
    Client("pydantic-ai, Anthropic", MESSAGES, CLAUDE, (4_096,), LONG, lambda _: PYDANTIC_ANTHROPIC, 400, _numbered(4, "bash"), 600),
    Client(
        "LangChain",
        CHAT,
        OPEN,
        (None, 2_000),
        CODE,
        lambda _: Chat(planner="write_todos"),
        1_200,
        _numbered(9, "bash", "write_todos"),
        4_000,
    ),
    Client("LangGraph", CHAT, OPEN, (None, 4_096), SMALL, lambda _: Chat(), 40, _numbered(4, "bash"), 300),
    Client("smolagents", CHAT, OPEN, (None, 4_096), SMALL, lambda _: SMOLAGENTS, 2_500, kind="observations"),
)

CLIENTS = {client.name: client for client in _TABLE}
"""By name."""
