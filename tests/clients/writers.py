"""How fifteen clients write a session: who speaks first, where outputs stand, what a plan tool takes."""

from __future__ import annotations

import json
from typing import Any

from clients.shapes import Client, Session, Step, framed_as_chat, prose

__all__ = ["CLIENTS"]

Wire = dict[str, Any]
CHAT, MESSAGES, RESPONSES = "openai.chat", "anthropic.messages", "openai.responses"


def system(session: Session) -> Wire:
    return {"role": "system", "content": session.instructions}


def user(content: Any) -> Wire:
    return {"role": "user", "content": content}


def assistant(content: Any, **more: Any) -> Wire:
    return {"role": "assistant", "content": content, **more}


def reminder(session: Session, of: str, words: int) -> Wire:
    return {"type": "text", "text": f"<system-reminder>\n{prose(session.rng(of), words)}\n</system-reminder>"}


# Chat with tool calls


def task_after_system(session: Session) -> list[Wire]:
    return [system(session), user(session.task)]


def called(session: Session, step: Step) -> list[Wire]:
    """An answer with calls, and a tool message for each."""
    calls = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": json.dumps(call.arguments)}} for call in step.calls
    ]
    results = [{"role": "tool", "tool_call_id": call.id, "content": call.output} for call in step.calls]
    return [assistant(step.said, tool_calls=calls), *results]


def called_in_silence(session: Session, step: Step) -> list[Wire]:
    """The same by clients that send no words beside a call."""
    first, *results = called(session, step)
    return [{**first, "content": None}, *results]


def gemini_begins(session: Session) -> list[Wire]:
    """The folder first, acknowledged by the model, and then the task."""
    folder = f"This is the Gemini CLI. The folder structure is:\n{prose(session.rng('folder'), 400)}"
    return [system(session), user(folder), assistant("Got it. Thanks for the context!"), user(session.task)]


def openhands_goes_on(session: Session, step: Step) -> list[Wire]:
    """Where the model says something without a call, the client answers in the user's place."""
    if step.number % 10:
        return called(session, step)
    go_on = (
        "Please continue working on the task on whatever approach you think is suitable.\nIf you think you have solved the task, finish."
    )
    return [*called(session, step), assistant(f"I have done part {step.number}."), user(f"{go_on}\nNever ask for human help.")]


# Tools in texts


def mini_task(session: Session) -> str:
    return f"Please solve this issue:\n{session.task}\n\n## Workflow\n{prose(session.rng('workflow'), 1_100)}"


def returned(output: str) -> str:
    return f"<returncode>0</returncode>\n<output>\n{output}\n</output>"


def mini_goes_on(session: Session, step: Step) -> list[Wire]:
    first, *results = called(session, step)
    return [first, *({**result, "content": returned(result["content"])} for result in results)]


def mini_text_goes_on(session: Session, step: Step) -> list[Wire]:
    command = step.calls[0].arguments["command"]
    return [assistant(f"THOUGHT: {step.said}\n\n```mswea_bash_command\n{command}\n```"), user(returned("\n".join(step.outputs)))]


def smolagents_begins(session: Session) -> list[Wire]:
    text = [{"type": "text", "text": session.instructions}], [{"type": "text", "text": f"New task:\n{session.task}"}]
    return [{"role": "system", "content": text[0]}, user(text[1])]


def smolagents_goes_on(session: Session, step: Step) -> list[Wire]:
    code = f"Thought: {step.said}\n<code>\nout = run({step.calls[0].arguments['command']!r})\nprint(out)\n</code>"
    seen = "Observation:\nExecution logs:\n" + "\n".join(step.outputs) + "\nLast output from code snippet:\nNone"
    return [assistant([{"type": "text", "text": code}]), user([{"type": "text", "text": seen}])]


# aider: an example in front, the files of the chat behind the history, each request a task of its own


def aider_begins(session: Session) -> list[Wire]:
    edit = (
        "To make this change we need to modify `app.py`:\n\napp.py\n```python\n<<<<<<< SEARCH\nx = 1\n=======\nx = 2\n>>>>>>> REPLACE\n```"
    )
    switched = "I switched to a new code base. Please don't consider the above files or try to edit them any longer."
    return [system(session), user("Change get_factorial() to use math.factorial"), assistant(edit), user(switched), assistant("Ok.")]


def aider_asks(session: Session, turn: int) -> str:
    wish = prose(session.rng(f"wish {turn}"), 25)
    return f"{session.task}\nBegin with point 1." if turn == 1 else f"Step {turn}: {wish}. Add marker_{turn} to the module."


def aider_goes_on(session: Session, step: Step) -> list[Wire]:
    edit = f"mod.py\n```python\n<<<<<<< SEARCH\n{prose(session.rng(f'edit {step.number}'), int(350 * session.bulk))}\n=======\nmarker\n>>>>>>> REPLACE\n```"
    return [user(aider_asks(session, step.number)), assistant(f"{step.said}\n\n{edit}")]


def aider_ends(session: Session, turn: int) -> list[Wire]:
    file = prose(session.rng(f"file {turn // 6}"), int(3_000 * session.bulk))
    added = f"I have *added these files to the chat* so you can go ahead and edit them.\n\nmod.py\n```\n{file}\n```"
    return [user(added), assistant("Ok, any changes I propose will be to those files."), user(aider_asks(session, turn))]


# aider where every second answer has to be mended: the files stand before the question that the answer was to, and a reminder is last


MATCHED = "# 1 SEARCH/REPLACE block failed to match!"


def aider_mends(session: Session, turn: int) -> str:
    if turn % 2:
        return aider_asks(session, turn)
    return f"{MATCHED}\n\n## SearchReplaceNoExactMatch: This SEARCH block failed to exactly match lines in mod.py\n{prose(session.rng(f'found {turn}'), 60)}"


def aider_mends_on(session: Session, step: Step) -> list[Wire]:
    _, answer = aider_goes_on(session, step)
    return [user(aider_mends(session, step.number)), answer]


def aider_mends_at_last(session: Session, turn: int) -> list[Wire]:
    files, seen, _ = aider_ends(session, 1)
    return [files, seen, user(aider_mends(session, turn))]


def framed_as_aider(session: Session, messages: list[Wire]) -> Wire:
    *told, files, seen, newest = messages
    asked = 2 if newest["content"].startswith(MATCHED) else 0
    last = {"role": "system", "content": prose(session.rng("reminder"), 400)}
    return framed_as_chat(session, [*told[: len(told) - asked], files, seen, *told[len(told) - asked :], newest, last])


# aider without edits: all that is said stands behind the files, and the newest question ends as the instructions do


def aider_rules(session: Session) -> str:
    return f"\n{prose(session.rng('reminder'), 400)}"


def aider_tells(session: Session) -> list[Wire]:
    instructions, *examples = aider_begins(session)
    return [{**instructions, "content": instructions["content"] + aider_rules(session)}, *examples]


def framed_as_talk_of_aider(session: Session, messages: list[Wire]) -> Wire:
    begins = len(aider_begins(session))
    *told, files, seen, newest = messages
    asked = user(f"{newest['content']}\n{aider_rules(session)}")
    return framed_as_chat(session, [*told[:begins], files, seen, *told[begins:], asked])


# Claude Code: Anthropic Messages


def claude_begins(session: Session) -> list[Wire]:
    return [user([reminder(session, "reminder 1", 500), reminder(session, "reminder 2", 300), {"type": "text", "text": session.task}])]


def claude_goes_on(session: Session, step: Step) -> list[Wire]:
    calls = [{"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments} for call in step.calls]
    results: list[Wire] = [{"type": "tool_result", "tool_use_id": call.id, "content": call.output} for call in step.calls]
    more = [reminder(session, f"late {step.number}", 60)] if step.number % 7 == 0 else []
    return [assistant([{"type": "text", "text": step.said}, *calls]), user(results + more)]


def framed_as_messages(session: Session, messages: list[Wire]) -> Wire:
    """System blocks, and the cache's mark on the last block of the last message."""
    mark = {"cache_control": {"type": "ephemeral"}}
    *blocks, last = messages[-1]["content"]
    head: list[Wire] = [{"type": "text", "text": "You are Claude Code."}, {"type": "text", "text": session.instructions, **mark}]
    tools = [{"name": name, "description": says, "input_schema": schema} for name, says, schema in session.tools]
    marked = [*messages[:-1], {**messages[-1], "content": [*blocks, {**last, **mark}]}]
    return {"model": session.client.model, "system": head, "tools": tools, "messages": marked, "stream": True}


# Codex, over the Responses API


def codex_begins(session: Session) -> list[Wire]:
    def item(role: str, text: str) -> Wire:
        return {"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]}

    rules = f"<permissions>\n{prose(session.rng('permissions'), 250)}\n</permissions>"
    around = "<environment_context>\n  <cwd>/repo</cwd>\n  <shell>bash</shell>\n</environment_context>"
    return [item("developer", rules), item("user", around), item("user", session.task)]


def codex_goes_on(session: Session, step: Step) -> list[Wire]:
    sealed = f"gAAAA{session.rng(f'sealed {step.number}').randbytes(300).hex()}"
    thought = {"type": "reasoning", "id": f"rs_{step.number}", "summary": [], "encrypted_content": sealed}
    calls = [
        {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": json.dumps(call.arguments)} for call in step.calls
    ]
    return [thought, *calls, *({"type": "function_call_output", "call_id": call.id, "output": call.output} for call in step.calls)]


def framed_as_responses(session: Session, items: list[Wire]) -> Wire:
    tools = [{"type": "function", "name": name, "description": says, "parameters": schema} for name, says, schema in session.tools]
    sealed = {"store": False, "include": ["reasoning.encrypted_content"], "stream": True}
    return {"model": session.client.model, "instructions": session.instructions, "tools": tools, "input": items, **sealed}


# The table


def todos(text: str) -> Any:
    """A plan tool that takes a list of todos, their words under `text`."""
    return lambda points: {"todos": [{"id": str(n), text: point, "status": state} for n, (point, state) in enumerate(points)]}


def steps(points: list[tuple[str, str]]) -> Wire:
    return {"plan": [{"step": point, "status": state} for point, state in points]}


def tasks(points: list[tuple[str, str]]) -> Wire:
    return {"command": "plan", "task_list": [{"title": point, "status": state, "notes": ""} for point, state in points]}


_PLAIN = (task_after_system, called, framed_as_chat)

CLIENTS = {
    client.name: client
    for client in (
        Client("mini-swe-agent", CHAT, (None, 4_096), 60, 1, 40, lambda s: [system(s), user(mini_task(s))], mini_goes_on, framed_as_chat),
        Client(
            "mini-swe-agent-text", CHAT, (None,), 400, 0, 0, lambda s: [system(s), user(mini_task(s))], mini_text_goes_on, framed_as_chat
        ),
        Client("aider", CHAT, (None,), 1_000, 0, 0, aider_begins, aider_goes_on, framed_as_chat, ends=aider_ends, task_of=aider_asks),
        Client(
            "aider-mending",
            CHAT,
            (None,),
            1_000,
            0,
            0,
            aider_begins,
            aider_mends_on,
            framed_as_aider,
            ends=aider_mends_at_last,
            task_of=lambda session, turn: aider_asks(session, turn - 1 + turn % 2),
        ),
        Client(
            "aider-talking",
            CHAT,
            (None,),
            1_000,
            0,
            0,
            aider_tells,
            aider_goes_on,
            framed_as_talk_of_aider,
            ends=lambda session, turn: [*aider_ends(session, 1)[:2], user(aider_asks(session, turn))],
            task_of=aider_asks,
        ),
        Client(
            "claude-code",
            MESSAGES,
            (32_000, 8_000),
            3_000,
            16,
            900,
            claude_begins,
            claude_goes_on,
            framed_as_messages,
            plan=("TodoWrite", todos("content")),
            model="anthropic/claude-sonnet-4-5",
            shell="Bash",
        ),
        Client(
            "codex",
            RESPONSES,
            (None,),
            4_000,
            8,
            250,
            codex_begins,
            codex_goes_on,
            framed_as_responses,
            ("update_plan", steps),
            shell="shell",
        ),
        Client("opencode", CHAT, (32_000, None), 2_500, 11, 600, *_PLAIN, ("todowrite", todos("content"))),
        Client("qwen-code", CHAT, (8_000, None), 9_500, 16, 380, *_PLAIN, ("todo_write", todos("content")), shell="run_shell_command"),
        Client("gemini-cli", CHAT, (None,), 4_500, 12, 300, gemini_begins, called, framed_as_chat, ("write_todos", todos("description"))),
        Client(
            "openhands", CHAT, (None, 4_096), 3_000, 6, 500, task_after_system, openhands_goes_on, framed_as_chat, ("task_tracker", tasks)
        ),
        Client("openai-agents", CHAT, (None,), 80, 3, 50, *_PLAIN, model="gpt-4o"),
        Client("pydantic-ai", CHAT, (None, 2_048), 80, 2, 40, task_after_system, called_in_silence, framed_as_chat),
        Client("langgraph", CHAT, (None, 4_096), 40, 4, 30, task_after_system, called, framed_as_chat, model="gpt-4o"),
        Client("smolagents", CHAT, (None, 4_096), 2_500, 0, 0, smolagents_begins, smolagents_goes_on, framed_as_chat),
    )
}
"""By name; the plain tool loops come last."""
