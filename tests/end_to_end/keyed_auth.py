"""Loaded by a proxy: keys and teams with options of the guard's in their metadata, as the proxy's own database holds them."""

from __future__ import annotations

from fastapi import Request
from litellm.proxy._types import UserAPIKeyAuth

KEYS = {"sk-ann": {"mode": "observe"}, "sk-bob": {}, "sk-eve": {"strategy": "sliding_window"}}
TEAMS = {"sk-bob": {}, "sk-eve": {"mode": "off", "strategy": "hybrid"}, "sk-tom": {"mode": "off"}}


async def check_key(request: Request, api_key: str) -> UserAPIKeyAuth:
    return UserAPIKeyAuth(
        api_key=api_key,
        user_id=api_key,
        metadata={"token_guard": KEYS.get(api_key, {})},
        team_metadata={"token_guard": TEAMS.get(api_key, {})},
    )
