"""A chat history as a client of Gemini's own API sends it, and what that API says against a request."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["as_contents", "gemini_refusal"]


def as_contents(chat: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Instructions and contents; results of one turn in one content, no ids."""
    names: dict[str, str] = {}
    instructions: list[Any] = []
    contents: list[dict[str, Any]] = []
    for message in chat:
        said = [{"text": message["content"]}] if message.get("content") else []
        if message["role"] in ("system", "developer"):
            instructions += said
            continue
        role = "model" if message["role"] == "assistant" else "user"
        if message["role"] == "tool":
            said = [{"functionResponse": {"name": names[message["tool_call_id"]], "response": {"output": message["content"]}}}]
        for call in message.get("tool_calls") or ():
            names[call["id"]] = call["function"]["name"]
            said.append({"functionCall": {"name": call["function"]["name"], "args": json.loads(call["function"]["arguments"])}})
        if contents and contents[-1]["role"] == role:
            contents[-1]["parts"] += said
        else:
            contents.append({"role": role, "parts": said})
    return {"systemInstruction": {"parts": instructions}, "contents": contents} if instructions else {"contents": contents}


def gemini_refusal(request: Mapping[str, Any]) -> str:
    """What the API refuses a request for (its own words, in short); nothing for one that it takes."""
    expected: list[str] = []
    contents = request["contents"]
    if not contents or contents[0]["role"] != "user":
        return "the first content should be of the user"
    for place, content in enumerate(contents):
        if content["role"] not in ("user", "model"):
            return f"contents[{place}]: valid roles are user, model"
        if not content["parts"] or any(part.get("text") == "" for part in content["parts"]):
            return f"contents[{place}]: empty"
        results = [part["functionResponse"]["name"] for part in content["parts"] if "functionResponse" in part]
        if sorted(results) != sorted(expected):
            return (
                f"contents[{place}]: the number of function response parts has to equal that of function call parts: {expected} {results}"
            )
        expected = [part["functionCall"]["name"] for part in content["parts"] if "functionCall" in part]
        if expected and contents[place - 1]["role"] != "user":
            return f"contents[{place}]: a function call turn comes right after a user turn or a function response turn"
    return "calls without responses" if expected else ""
