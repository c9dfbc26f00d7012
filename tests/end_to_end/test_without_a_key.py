"""Nobody without a key of the proxy is told anything, also where the proxy has no database to look keys up in."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from shared_proxies import Shared

from token_guard.web import PATHS

METHODS = {
    "/token-guard/count": ("POST",),
    "/token-guard/sessions/{id:path}": ("GET", "DELETE"),
    "/token-guard/count/{task}": ("GET", "DELETE"),
}
ROUTES = [(method, path) for path in PATHS for method in METHODS.get(path, ("GET",))]
STRANGERS: dict[str, dict[str, str]] = {
    "no key": {},
    "an unknown key": {"Authorization": "Bearer sk-nobodys"},
    "half a header": {"Authorization": "Bearer"},
    "a key elsewhere": {"x-api-key": "sk-nobodys"},
    "no key of this sort": {"Authorization": "Basic YW5uOmFubg=="},
}


def asked(shared: Shared, method: str, path: str, headers: dict[str, str], **body: Any) -> httpx.Response:
    place = path.replace("{id:path}", "s").replace("{task}", "t")
    return httpx.request(method, shared.proxy.url.removesuffix("/v1") + place, headers=headers, trust_env=False, timeout=60, **body)


@pytest.mark.parametrize("who", STRANGERS)
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_whoever_has_no_key_is_refused_on_every_route(plain_proxy: Shared, method: str, path: str, who: str) -> None:
    answer = asked(plain_proxy, method, path, STRANGERS[who])
    assert answer.status_code == 401
    assert list(answer.json()) in (["detail"], ["error"])  # ours, or LiteLLM's own where its check of keys says so itself


@pytest.mark.parametrize("content", [b"{broken", b""])
def test_a_broken_body_is_told_to_those_who_have_a_key(plain_proxy: Shared, content: bytes) -> None:
    known = {"Authorization": f"Bearer {plain_proxy.proxy.key}"}
    assert asked(plain_proxy, "POST", "/token-guard/count", {}, content=content).status_code == 401
    assert asked(plain_proxy, "POST", "/token-guard/count", known, content=content).status_code in (400, 422)


def test_a_body_on_which_the_check_of_keys_fails_is_told_as_that(plain_proxy: Shared) -> None:
    """LiteLLM's own check takes any body for an object; where a version does not, the route says what it wants."""
    known = {"Authorization": f"Bearer {plain_proxy.proxy.key}"}
    answer = asked(plain_proxy, "POST", "/token-guard/count", known, content=b"[]")
    assert 400 <= answer.status_code < 500
    assert "object" in answer.text


def test_a_wrong_query_is_told_to_those_who_have_a_key(plain_proxy: Shared) -> None:
    known = {"Authorization": f"Bearer {plain_proxy.proxy.key}"}
    assert [asked(plain_proxy, "GET", "/token-guard/sessions?limit=many", who).status_code for who in ({}, known)] == [401, 422]
