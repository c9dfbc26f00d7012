"""Whatever is asked of the routes under /token-guard/, by whatever method, body or id: an answer, and never a failure of the server's.

`FUZZ=5000` asks so often; without it as often as takes a few seconds.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

import httpx
import pytest
from build import agent
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from token_guard import Guard, Settings
from token_guard.limits import Deployment, Served
from token_guard.sessions import Recent, session_id
from token_guard.stores import MemoryStore, SessionChange, open_store
from token_guard.web import PATHS, Host, routes, session_routes

EXAMPLES: Final = int(os.environ.get("FUZZ", "20"))
SERVER_ERROR: Final = 500
OFTEN: Final = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))


class Auth:
    """As much of LiteLLM's `UserAPIKeyAuth` as is looked at."""

    api_key = "ann"
    user_role = "proxy_admin"


async def authenticate() -> Auth:
    return Auth()


async def may_use(model: str, auth: Any) -> bool:
    return bool(auth) and model != "forbidden"


async def away(caller: str, work: Any) -> Any:
    assert caller == "ann"
    return work()


def served(group: str | None, _auth: Any) -> tuple[Served, ...]:
    groups = [name for name in ("chat", "forbidden") if group in (None, name)]
    return tuple(Served("openai/gpt-4o", Deployment(name, name, model_info={"id": name, "max_input_tokens": 8_000})) for name in groups)


@pytest.fixture(scope="module", params=["memory:", "sqlite:"])
def app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    url = f"{request.param}///{tmp_path_factory.mktemp('store')}/s.db" if request.param == "sqlite:" else request.param
    store = MemoryStore() if request.param == "memory:" else open_store(url)
    store.note(SessionChange(session_id("ann", "s"), 1e9, 1e10, {"session": "s", "owner": "ann"}, {"requests": 1}))
    made = FastAPI()
    for router in routes(Guard(Settings(store="memory:")), Recent(), store, Host(authenticate, served, may_use, away), "enforce"):
        made.include_router(router)
    yield made
    store.close()


def ask(app: FastAPI, method: str, path: str, **options: Any) -> httpx.Response:
    async def asked() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://proxy") as client:
            return await client.request(method, path, **options)

    return asyncio.run(asked())


def holds(answer: httpx.Response) -> None:
    """An answer that a client can read, and that no browser takes for something else."""
    assert answer.status_code < SERVER_ERROR, answer.text
    if answer.content and answer.headers.get("content-type") == "application/json":
        json.loads(answer.content)
    assert "Traceback" not in answer.text


texts = st.text(max_size=40) | st.sampled_from(
    ["", "nan", "inf_x", "-1e999_s", "1_", "\x00", "\ud800", "../..", "s", "a/b", "%", "null", "NaN"]
)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PROPFIND")
NAMES = ("limit", "after", "key", "team", "model", "id", "x")


def encoded(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"))


@OFTEN
@given(
    st.sampled_from(METHODS),
    st.sampled_from([*PATHS, "/token-guard/", "/token-guard/static/{id:path}", "/token-guard/{id:path}"]),
    texts,
    st.dictionaries(st.sampled_from(NAMES), texts | st.integers().map(str), max_size=4),
    st.binary(max_size=60) | st.none(),
)
def test_no_method_path_or_query_is_a_failure(
    app: FastAPI, method: str, path: str, id_: str, query: Mapping[str, str], body: bytes | None
) -> None:
    place = path.replace("{id:path}", encoded(id_) or "x")
    asked = "&".join(f"{name}={encoded(value)}" for name, value in query.items())
    holds(ask(app, method, f"{place}?{asked}", content=body))


def test_a_body_that_is_no_text_is_told_so(app: FastAPI) -> None:
    answer = ask(app, "POST", "/token-guard/count", content=b"\x80")
    assert answer.status_code == 422
    assert "body" in answer.json()["detail"]


leaves = st.none() | st.booleans() | st.integers() | st.floats() | texts
trees = st.recursive(leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=12)
CONTENT = st.one_of(
    texts,
    st.lists(
        st.fixed_dictionaries(
            {"type": st.sampled_from(["text", "image_url", "tool_result", "x"])},
            optional={"text": trees, "image_url": trees, "content": trees},
        ),
        max_size=3,
    ),
    trees,
)
messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "user", "assistant", "tool", "critic"]) | leaves},
        optional={"content": CONTENT, "tool_calls": trees, "tool_call_id": trees, "name": trees},
    )
    | leaves,
    max_size=6,
)
bodies = st.fixed_dictionaries(
    {},
    optional={
        "text": trees,
        "template": texts | trees,
        "messages": messages | trees,
        "request": st.fixed_dictionaries(
            {}, optional={"messages": messages, "input": trees, "prompt": trees, "max_tokens": trees, "tools": trees}
        )
        | trees,
        "model": st.sampled_from(["chat", "forbidden", "gpt-4o", "claude-sonnet-4-5"]) | texts | trees,
        "tools": trees,
        "variables": trees,
        "api": st.sampled_from(["openai.chat", "anthropic.messages", "x"]) | trees,
        "preview": st.booleans() | trees,
    },
)


@OFTEN
@given(bodies)
def test_no_body_is_a_failure(app: FastAPI, body: Mapping[str, Any]) -> None:
    holds(ask(app, "POST", "/token-guard/count", content=json.dumps(body), headers={"content-type": "application/json"}))


ODD_BODIES = {
    "nothing": b"",
    "no JSON": b"{",
    "a list": b"[]",
    "nested deeper than can be read": b'{"messages": ' + b"[" * 100_000,
    "nested as deep as can be read": b'{"messages": ' + b"[" * 900 + b"]" * 900 + b"}",
    "half a surrogate": b'{"model": "\\ud800", "text": "\\udfff"}',
    "a number that is none": b'{"text": "x", "variables": {"a": NaN}, "model": "chat"}',
    "a number beyond all": b'{"request": {"messages": [], "max_tokens": 1e999}}',
    "bytes that are no text": b'{"text": "\xff\xfe"}',
    "a model of a megabyte": b'{"text": "x", "model": "' + b"m" * 1_000_000 + b'"}',
    "a text of two megabytes": b'{"text": "' + b"word " * 400_000 + b'"}',
}


@pytest.mark.parametrize("name", ODD_BODIES)
def test_odd_bodies_are_answered(app: FastAPI, name: str) -> None:
    holds(ask(app, "POST", "/token-guard/count", content=ODD_BODIES[name], headers={"content-type": "application/json"}))


@pytest.mark.parametrize("preview", [False, True])
def test_a_question_is_answered_with_the_options_of_its_key(preview: bool) -> None:
    asked: list[Any] = []

    def options(auth: Any, deployment: Deployment | None) -> Mapping[str, Any]:
        asked.append((auth.api_key, deployment.id if deployment else None))
        return {"strategy": "sliding_window"}

    body = {"model": "chat", "messages": agent(40), "preview": preview}
    told = []
    for more in ((), (options,)):
        made = FastAPI()
        for router in routes(Guard(Settings(store="memory:")), Recent(), None, Host(authenticate, served, may_use, away, *more), "enforce"):
            made.include_router(router)
        told.append(ask(made, "POST", "/token-guard/count", json=body).json())
    usual, own = told
    assert asked == [("ann", "chat")]
    assert (usual["would"], own["would"]) == ("compacted", "compacted")
    assert usual["tokens_after"] != own["tokens_after"]
    if preview:
        assert "summarize" not in {step["name"] for step in own["preview"]["steps"]}


def test_a_session_whose_name_is_no_text_is_listed() -> None:
    """A client that names its session so keeps no list from anybody."""
    store = MemoryStore()
    store.note(SessionChange(session_id("ann", "\ud800"), time.time(), 1e6, {"session": "\ud800", "owner": "ann"}, {"requests": 1}))
    made = FastAPI()
    made.include_router(session_routes(store, authenticate))
    answer = ask(made, "GET", "/token-guard/sessions")
    assert (answer.status_code, answer.json()["sessions"][0]["session"]) == (200, "\ud800")
