"""One of several processes that fit requests as the workers of a proxy do, and say what they did."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from typing import Any

from build import agent
from litellm.types.utils import CallTypes

from token_guard.proxy.plugin import TokenGuardCallback
from token_guard.settings import Settings

WINDOW = 6_000


def kwargs(number: int, session: str, messages: list[dict[str, Any]]) -> dict[str, Any]:
    """The arguments of a call as the router hands them to the hook."""
    return {
        "model": "openai/gpt-4o",
        "messages": messages,
        "litellm_call_id": str(number),
        "model_info": {"id": "d1", "max_input_tokens": WINDOW},
        "metadata": {"model_group": "m", "session_id": session, "user_api_key_hash": "hash", "user_api_key_alias": "mine"},
    }


async def main(url: str, replicas: int, requests: int, sessions: int, me: int) -> dict[str, Any]:
    guard = TokenGuardCallback(Settings(store=url))
    history = agent(40)
    done = {"requests": 0, "tokens_in": 0, "tokens_forwarded": 0, "compacted": 0}
    digests: dict[int, str] = {}
    for number in range(requests):
        end = 2 + 2 * ((number * replicas + me) % 35)
        call = kwargs(number, f"session-{number % sessions}", history[:end])
        changed = await guard.async_pre_call_deployment_hook(call, CallTypes.acompletion)
        headers = call["metadata"]["token_guard"]["headers"]
        done["requests"] += 1
        done["tokens_in"] += int(headers["x-token-guard-tokens-before"])
        done["tokens_forwarded"] += int(headers["x-token-guard-tokens-after"])
        done["compacted"] += headers["x-token-guard-action"] == "compacted"
        text = json.dumps((changed or call)["messages"])
        known = digests.setdefault(end, hashlib.sha256(text.encode()).hexdigest())
        assert known == hashlib.sha256(text.encode()).hexdigest()
    guard.store.close()
    return {**done, "digests": digests}


if __name__ == "__main__":
    place, *numbers = sys.argv[1:]
    print(json.dumps(asyncio.run(main(place, *map(int, numbers)))))
