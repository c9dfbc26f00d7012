"""Loaded by a proxy: the keys of two users and of an administrator, each of which is good until its name stands in a file."""

from __future__ import annotations

import os
from pathlib import Path

from fastapi import HTTPException, Request
from litellm.proxy._types import LitellmUserRoles, UserAPIKeyAuth

__all__ = ["ADMIN", "ANN", "BOB", "REVOKED", "check_key"]

ANN, BOB, ADMIN = "sk-ann-0123456789", "sk-bob-0123456789", "sk-admin-0123456789"
REVOKED = "PAGE_KEYS_REVOKED"
"""The variable that names the file."""

ROLES = {ANN: LitellmUserRoles.INTERNAL_USER, BOB: LitellmUserRoles.INTERNAL_USER, ADMIN: LitellmUserRoles.PROXY_ADMIN}
MODELS = {ANN: ["chat", "mystery"], BOB: ["mystery"], ADMIN: []}


async def check_key(request: Request, api_key: str | None) -> UserAPIKeyAuth:
    name = (api_key or "").removeprefix("sk-").partition("-")[0]
    if api_key not in ROLES or name in Path(os.environ[REVOKED]).read_text(encoding="utf-8"):
        raise HTTPException(401, "no such key")
    told = {"key_alias": name, "user_id": name, "team_id": f"team-{name}", "models": MODELS[api_key]}
    return UserAPIKeyAuth(api_key=api_key, user_role=ROLES[api_key], **told)
