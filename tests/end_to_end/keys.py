"""Loaded by a proxy: the keys of two users in two teams, and one of an administrator."""

from __future__ import annotations

from fastapi import HTTPException, Request
from litellm.proxy._types import LitellmUserRoles, UserAPIKeyAuth

__all__ = ["ADMIN", "ANN", "BOB", "check_key"]

ANN, BOB, ADMIN = "sk-ann-0123456789", "sk-bob-0123456789", "sk-admin-0123456789"

ROLES = {ANN: LitellmUserRoles.INTERNAL_USER, BOB: LitellmUserRoles.INTERNAL_USER, ADMIN: LitellmUserRoles.PROXY_ADMIN}


async def check_key(request: Request, api_key: str) -> UserAPIKeyAuth:
    if api_key not in ROLES:
        raise HTTPException(401, "no such key")
    name = api_key.split("-")[1]
    return UserAPIKeyAuth(api_key=api_key, key_alias=name, user_id=name, team_id=f"team-{name}", user_role=ROLES[api_key])
