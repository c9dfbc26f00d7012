"""Loaded by a proxy: two keys, one of which may use one model only, and a callback that says whom each answer is billed to."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from litellm.integrations.custom_logger import CustomLogger
from litellm.proxy._types import UserAPIKeyAuth

KEYS = {"sk-ann": ("ann", ["worker", "writer"]), "sk-bob": ("bob", ["worker"])}


async def check_key(request: Request, api_key: str) -> UserAPIKeyAuth:
    user, models = KEYS[api_key]
    return UserAPIKeyAuth(api_key=api_key, user_id=user, team_id=f"team of {user}", models=models)


class Bills(CustomLogger):
    async def async_log_success_event(self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any) -> None:
        payload = kwargs["standard_logging_object"]
        paid_by = payload["metadata"]
        print("bill:", payload["model_group"], paid_by["user_api_key_user_id"], paid_by["user_api_key_team_id"], flush=True)
        print("logged:", payload["messages"], flush=True)


callback = Bills()
