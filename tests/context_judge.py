"""A small stand-in for the corpus's second judge, of what a reader finds; it is written into a folder as `context_facts.py`.

A path of an older call is bound where it stands in the forwarded text, told where its call's own message is still there.
"""

import json
from typing import Any

from evaluate import total  # type: ignore[import-not-found]

__all__ = ["judge", "measure"]

COUNTS = ("judged", "at_risk", "whole", "bound", "changes", "told", "outcomes", "lines", "quotable", "put", "bare", "invented")


def judge(pre: list[dict[str, Any]], out: Any, following: dict[str, Any], tally: dict[str, Any]) -> None:
    text = json.dumps(list(out))
    for message in pre[:-4]:
        for call in message.get("tool_calls") or ():
            there, whole = json.dumps(call["function"]["arguments"])[1:-1] in text, message in list(out)
            for name, count in (("at_risk", 1), ("whole", there), ("bound", there), ("changes", 1), ("told", whole), ("outcomes", whole)):
                tally[name] += count
    tally["put"] += sum(len(json.dumps(message)) for message in out if message not in pre)


def measure(fit: Any, sessions: Any, budget: int, every: int = 3) -> dict[str, Any]:
    tally: dict[str, Any] = {**dict.fromkeys(COUNTS, 0), "examples": []}
    for session in sessions:
        over = [place for place, message in enumerate(session) if message["role"] == "assistant" and total(session[:place]) > budget]
        for place in over[every - 1 :: every]:
            tally["judged"] += 1
            judge(session[:place], fit(session[:place], budget), session[place], tally)
    return tally
