"""The notes of compacted requests as a model reads them, with what a reader still misses: docs/reading.md.

python benchmarks/reading.py [--out docs]
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

import typer
from reading_sessions import SESSIONS, Session

from token_guard import TokenCounter, fit
from token_guard.marks import without_references

__all__ = ["main", "page"]

MODEL = "gpt-4o"
COUNTER = TokenCounter(MODEL)

INTRODUCTION = """# Notes, read

Written by `python benchmarks/reading.py`; not edited by hand. The sessions are made up. Each is forwarded within two budgets, and below
stands what its request then holds in place of the messages that went, to the letter. The remark under each budget was written by hand
after its notes were read.
"""


def main(out: Annotated[Path, typer.Option(help="Folder of the page.")] = Path("docs")) -> None:
    """Write reading.md."""
    (out / "reading.md").write_text(page(), encoding="utf-8")


def page() -> str:
    """The whole page, as Markdown."""
    return "\n".join((INTRODUCTION, *(block for session in SESSIONS for block in _session(session))))


def _session(session: Session) -> Iterator[str]:
    yield f"## {session.title}\n\n{session.about}\n"
    for budget in session.missing:
        yield from _budget(session, budget)


def _budget(session: Session, budget: int) -> Iterator[str]:
    request = {"model": MODEL, "messages": session.messages(), "tools": [_tool(name, *keys) for name, keys in session.tools.items()]}
    fitted = fit(request, max_input_tokens=budget)
    sent, report = fitted.request["messages"], fitted.report
    yield f"### Within {budget:,} tokens\n"
    yield f"{report.tokens_before:,} tokens before, {report.tokens_after:,} after.\n"
    stayed = "; ".join(_stayed(one, request["messages"]) for one in sent if _note(one) != one["content"])
    yield f"Of {len(request['messages'])} messages these stayed: {stayed}.\n"
    yield from (_fenced(note) for note in map(_note, sent) if note)
    yield f"What a reader still misses: {session.missing[budget]}\n"


def _note(message: Mapping[str, Any]) -> str:
    """What the guard says in a message of the user's: all of it, or what stands behind the user's own words."""
    text: str = message["content"] if message["role"] == "user" else ""
    return text.removeprefix(without_references(text)).strip()


def _stayed(message: Mapping[str, Any], before: Sequence[Any]) -> str:
    """Its role, its size in tokens, and whether it is no longer what the client sent."""
    return f"{message['role']} {COUNTER.count_tokens_messages([message])}{'' if message in before else ' (changed)'}"


def _tool(name: str, *keys: str) -> dict[str, Any]:
    parameters = {"type": "object", "properties": {key: {"type": "string"} for key in keys}, "required": list(keys)}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


def _fenced(text: str) -> str:
    """A text in a fence that nothing in it closes."""
    longest = max(map(len, re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}text\n{text.strip()}\n{fence}\n"


if __name__ == "__main__":
    typer.run(main)
