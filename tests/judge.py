"""A small judge of compacted requests, for benchmarks where the recorded conversations and their own judge are absent.

It is written into a folder as `evaluate.py`, so it imports nothing of ours. It counts four characters as a token.
"""

import gzip
import json
from typing import Any

__all__ = ["count", "evidence", "load", "replay", "sliding_window", "total"]


def load(path: str, min_tokens: int = 0, max_tokens: int = 10**9) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def count(message: dict[str, Any]) -> int:
    return len(json.dumps(message)) // 4


def total(messages: Any) -> int:
    return sum(map(count, messages))


def sliding_window(messages: list[dict[str, Any]], budget: int) -> list[dict[str, Any]]:
    """The first two messages and the newest exchanges (here: a call and its result) that fit."""
    kept = list(messages)
    while total(kept) > budget and len(kept) > 4:
        del kept[2:4]
    return kept


def replay(fit: Any, sessions: Any, budget: int) -> dict[str, Any]:
    """A path is at risk when it was in a call of this session; it is retained when it is still forwarded."""
    sums = dict.fromkeys(("requests", "over", "too_big", "invalid", "errors", "at_risk", "retained", "sent", "cached", "cost"), 0)
    for session in sessions:
        for place in (place for place, message in enumerate(session) if message["role"] == "assistant"):
            sent = session[:place]
            try:
                forwarded = fit(sent, budget)
            except Exception:
                forwarded, sums["errors"] = sent, sums["errors"] + 1
            paths = [call["function"]["arguments"] for message in sent for call in message.get("tool_calls") or ()]
            text, tokens = json.dumps(list(forwarded)), total(forwarded)
            sums["requests"] += 1
            sums["over"] += total(sent) > budget
            sums["too_big"] += tokens > 2 * budget
            sums["at_risk"] += len(paths)
            sums["retained"] += sum(json.dumps(path)[1:-1] in text for path in paths)
            sums["sent"] += tokens
            sums["cost"] += tokens
    return {**sums, "ms": 1.0}


def evidence(fit: Any, conversations: Any, fraction: float, *, max_evidence: int) -> dict[str, Any]:
    asked = [
        (one["messages"], question, question["evidence_messages"])
        for one in conversations
        for question in one["meta"]["qa"]
        if len(question["evidence_messages"]) <= max_evidence
    ]
    kept = 0
    for messages, question, places in asked:
        forwarded = fit([*messages, {"role": "user", "content": question["question"]}], int(fraction * total(messages)))
        kept += sum(messages[place]["content"] in json.dumps(list(forwarded)) for place in places)
    return {"recall": kept / max(1, sum(len(places) for *_, places in asked)), "too_big": 0, "invalid": 0}
