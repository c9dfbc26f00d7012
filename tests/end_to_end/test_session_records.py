"""Records of sessions, as a client uses them: it talks through a proxy and asks for what is known of its sessions over HTTP."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import pytest
from anthropic_chat import translated
from anthropic_upstream import AnthropicUpstream
from build import agent, say
from cryptography.fernet import Fernet
from keys import ADMIN, ANN, BOB
from responses_rules import as_items
from responses_upstream import ResponsesUpstream
from shared_proxies import with_this_folder

from token_guard.demo.proxy import Proxy
from token_guard.demo.upstream import Upstream

WINDOW, RETENTION_SECONDS = 8_000, 20
METRICS = find_spec("prometheus_client") is not None


@dataclass(frozen=True)
class World:
    proxy: Proxy

    def ask(self, path: str, by: str = ADMIN, method: str = "GET", **parameters: Any) -> httpx.Response:
        url = self.proxy.url.replace("/v1", f"/token-guard/{path}")
        headers = {"Authorization": f"Bearer {by}"} if by else {}
        return httpx.request(method, url, headers=headers, params=parameters, trust_env=False, timeout=30)

    def say(self, path: str, body: dict[str, Any], key: str = ANN, **headers: str) -> httpx.Response:
        sent = {"Authorization": f"Bearer {key}", **headers}
        return httpx.post(f"{self.proxy.url}/{path}", json=body, headers=sent, trust_env=False, timeout=60)

    def chat(self, session: str, key: str = ANN, messages: Any = None, **body: Any) -> httpx.Response:
        headers = {"x-token-guard-session": session} if session else {}
        return self.say("chat/completions", {"model": "chat", "messages": messages or [say("user", "Hi")], **body}, key, **headers)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with ExitStack() as stack:
        chat, responses = stack.enter_context(Upstream(WINDOW)), stack.enter_context(ResponsesUpstream(WINDOW))
        anthropic = stack.enter_context(AnthropicUpstream(WINDOW))
        places = {"chat": ("hosted_vllm/gpt-4o", chat.url), "responses": ("openai/gpt-4o", responses.url)}
        places |= {"messages": ("anthropic/claude-sonnet-4-5", anthropic.root), "other": ("hosted_vllm/gpt-4o-mini", chat.url)}
        config = {
            "model_list": [
                {
                    "model_name": name,
                    "litellm_params": {"model": model, "api_base": url, "api_key": "none"},
                    "model_info": {"id": name, "max_input_tokens": WINDOW},
                }
                for name, (model, url) in places.items()
            ],
            "litellm_settings": {"callbacks": ["prometheus", "token_guard.callback"] if METRICS else ["token_guard.callback"]},
            "general_settings": {"custom_auth": "keys.check_key"},
            "router_settings": {"num_retries": 0, "disable_cooldowns": True},
        }
        store = f"sqlite:///{tmp_path_factory.mktemp('store')}/store.db"
        proxy = stack.enter_context(Proxy(config, environment={**with_this_folder(), "TOKEN_GUARD_STORE": store}))
        yield World(proxy.wait())


@pytest.fixture
def name() -> str:
    return f"chat-{uuid.uuid4().hex[:8]}"


def soon(true: Callable[[], Any], seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_session_is_followed_over_its_turns(world: World, name: str, stream: bool) -> None:
    messages = agent(25)
    turns = range(2, len(messages), 2)
    for end in turns:
        assert world.chat(name, messages=messages[:end], stream=stream).status_code == 200
    found = world.ask(f"sessions/{name}", ANN).json()
    assert (found["session"], found["key_alias"], found["team"]) == (name, "ann", "team-ann")
    assert (found["model"], found["deployment"]) == ("hosted_vllm/gpt-4o", "chat")
    assert (found["requests"], found["errors"]) == (len(turns), 0)
    assert found["tokens_in"] - found["tokens_forwarded"] == found["tokens_saved"] > 0
    assert found["compactions"] == found["epochs"] == len(found["compaction_events"]) >= 1
    assert 0 < found["usage_ratio"] <= 1
    assert found["first_seen"] < found["last_seen"]
    assert world.ask(f"sessions/{found['id']}", ANN).json() == found
    assert "handler_" not in str(found)


def by_path(path: str) -> tuple[str, dict[str, Any]]:
    messages = agent(3)
    if path == "messages":
        system, rest = translated(messages)
        return "messages", {"model": "messages", "system": system, "messages": rest, "max_tokens": 50}
    if path == "responses":
        return "responses", {"model": "responses", "instructions": "Be brief.", "input": as_items(messages)}
    return "chat/completions", {"model": "chat", "messages": messages}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("path", ["chat", "messages", "responses"])
@pytest.mark.parametrize("how", ["header", "litellm's header", "metadata"])
def test_a_client_may_name_its_session(world: World, name: str, path: str, stream: bool, how: str) -> None:
    place, body = by_path(path)
    headers = {"header": {"x-token-guard-session": name}, "litellm's header": {"x-litellm-session-id": name}}.get(how, {})
    if how == "metadata":
        body["litellm_metadata" if path != "chat" else "metadata"] = {"session_id": name}
    for _ in range(2):
        assert world.say(place, {**body, "stream": stream}, **headers).status_code == 200
    assert world.ask(f"sessions/{name}", ANN).json()["requests"] == 2


def test_a_session_that_nobody_names_is_known_by_its_opening(world: World) -> None:
    task = f"Mend {uuid.uuid4().hex}."
    messages = [say("system", "Be brief."), say("user", task), say("assistant", "Yes."), say("user", "And now?")]
    for end in (2, 4):
        assert world.chat("", messages=messages[:end], model="other").status_code == 200
    found = [one for one in world.ask("sessions", ANN, model="hosted_vllm/gpt-4o-mini").json()["sessions"] if one["requests"] == 2]
    assert len(found) == 1
    assert found[0]["session"] != task


def test_a_key_sees_its_own_sessions_and_an_administrator_all(world: World, name: str) -> None:
    for key in (ANN, BOB, BOB):
        world.chat(name, key)
    seen = {key: {one["key_alias"] for one in world.ask("sessions", key).json()["sessions"]} for key in (ANN, BOB, ADMIN)}
    assert seen == {ANN: {"ann"}, BOB: {"bob"}, ADMIN: {"ann", "bob"}}
    anns, bobs = (world.ask(f"sessions/{name}", key).json() for key in (ANN, BOB))
    assert (anns["requests"], bobs["requests"]) == (1, 2)
    assert world.ask(f"sessions/{bobs['id']}", ANN).status_code == 404
    assert world.ask(f"sessions/{bobs['id']}", ANN, "DELETE").status_code == 404
    assert world.ask(f"sessions/{bobs['id']}").json()["requests"] == 2
    several = world.ask(f"sessions/{name}")
    assert several.status_code == 409
    assert anns["id"] in several.text


def test_sessions_are_filtered_and_paged(world: World, name: str) -> None:
    for number in range(5):
        world.chat(f"{name}-{number}", BOB, model="other")
    for filters in ({"key": "bob"}, {"team": "team-bob"}, {"model": "hosted_vllm/gpt-4o-mini", "key": "bob"}):
        pages, after = [], ""
        while after is not None:
            page = world.ask("sessions", limit=2, after=after, **filters).json()
            pages.append([one["session"] for one in page["sessions"]])
            after = page["next"]
        listed = [one for page in pages for one in page]
        assert [one for one in listed if one.startswith(name)] == [f"{name}-{number}" for number in reversed(range(5))]
        assert all(len(page) <= 2 for page in pages)
        assert len(set(listed)) == len(listed) or filters == {"team": "team-bob"}
    assert world.ask("sessions", key="nobody").json() == {"sessions": [], "next": None}
    assert world.ask("sessions", after="rubbish").status_code == 400


def test_stats_add_up_what_a_key_may_see(world: World, name: str) -> None:
    before = {key: world.ask("stats", key).json() for key in (ANN, BOB, ADMIN)}
    for key in (ANN, ANN, BOB):
        world.chat(name, key)
    after = {key: world.ask("stats", key).json() for key in (ANN, BOB, ADMIN)}
    assert {key: after[key]["requests"] - before[key]["requests"] for key in after} == {ANN: 2, BOB: 1, ADMIN: 3}
    assert after[ADMIN]["sessions"] - before[ADMIN]["sessions"] == 2


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_session_is_listed_and_deleted_by_its_key(world: World, name: str, stream: bool) -> None:
    world.chat(name, stream=stream)
    assert name in [one["session"] for one in world.ask("sessions", ANN).json()["sessions"]]
    assert world.ask(f"sessions/{name}", ANN, "DELETE").json()["deleted"] is True
    assert world.ask(f"sessions/{name}", ANN).status_code == 404
    assert name not in [one["session"] for one in world.ask("sessions", ANN).json()["sessions"]]
    world.chat(name, stream=stream)
    assert world.ask(f"sessions/{name}", ANN).json()["requests"] == 1


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_request_that_fails_is_an_error_of_its_session(world: World, name: str, stream: bool) -> None:
    too_long = [say("system", "word " * 20_000), say("user", "Hi")]
    assert world.chat(name, messages=too_long, stream=stream).status_code == 400
    assert world.chat(name, stream=stream).status_code == 200
    found = world.ask(f"sessions/{name}", ANN).json()
    assert (found["requests"], found["errors"]) == (2, 1)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_what_is_asked_again_is_in_the_record_and_in_the_metrics(world: World, name: str, stream: bool) -> None:
    messages = agent(60)
    first_call = messages[2]
    again = {**first_call, "tool_calls": [{**first_call["tool_calls"][0], "id": "again"}]}
    messages += [again, {**messages[3], "tool_call_id": "again"}]
    before = asked_again(world)
    for end in (len(messages) - 2, len(messages)):
        assert world.chat(name, messages=messages[:end], stream=stream).status_code == 200
    (asked,) = world.ask(f"sessions/{name}", ANN).json()["asked_again"]
    assert (asked["tool"], asked["kind"], asked["times"]) == (first_call["tool_calls"][0]["function"]["name"], "code", 1)
    told = [one for one in world.ask("stats", ANN).json()["asked_again"] if (one["tool"], one["kind"]) == (asked["tool"], asked["kind"])]
    assert sum(one["times"] for one in told) >= 1
    if METRICS:
        assert asked_again(world) - before == 1


def asked_again(world: World) -> float:
    """What the metrics say of it, of the tool and kind that these tests ask for."""
    url, headers = world.proxy.url.replace("/v1", "/metrics/"), {"Authorization": f"Bearer {ADMIN}"}
    text = httpx.get(url, headers=headers, trust_env=False, timeout=30, follow_redirects=True).text
    lines = [line for line in text.splitlines() if line.startswith("token_guard_asked_again_total{")]
    return sum(float(line.rpartition(" ")[2]) for line in lines if 'tool="read"' in line and 'kind="code"' in line)


@pytest.mark.parametrize("path", ["sessions", "stats", "sessions/any"])
def test_nobody_sees_anything_without_a_key(world: World, path: str) -> None:
    for key in ("", "sk-wrong-0123456789"):
        answer = world.ask(path, key)
        assert answer.status_code >= 400
        assert "requests" not in answer.text


def test_the_master_key_sees_all_and_what_is_kept_goes_after_the_retention_period(tmp_path: Path) -> None:
    with Upstream(WINDOW) as upstream:
        params = {"model": "openai/gpt-4o", "api_base": upstream.url, "api_key": "none"}
        config = {
            "model_list": [{"model_name": "chat", "litellm_params": params, "model_info": {"id": "chat", "max_input_tokens": WINDOW}}],
            "litellm_settings": {"callbacks": ["token_guard.callback"]},
            "callback_settings": {"token_guard": {"sessions": {"retention_seconds": RETENTION_SECONDS, "history": True}}},
        }
        environment = {"TOKEN_GUARD_STORE": f"sqlite:///{tmp_path}/store.db", "TOKEN_GUARD_ENCRYPTION_KEY": Fernet.generate_key().decode()}
        with Proxy(config, environment=environment) as proxy:
            world = World(proxy.wait())
            for session in ("first", "short", "streamed"):  # the first request of a proxy may take as long as some records live
                assert world.chat(session, proxy.key, stream=session == "streamed").status_code == 200
            assert [world.ask(f"sessions/{name}", proxy.key).json()["requests"] for name in ("short", "streamed")] == [1, 1]
            assert {"short", "streamed"} <= {one["session"] for one in world.ask("sessions", proxy.key).json()["sessions"]}
            assert soon(lambda: world.ask("sessions/streamed", proxy.key).status_code == 404, 60)
            assert world.ask("sessions/short", proxy.key).status_code == 404
            assert world.ask("sessions", proxy.key).json()["sessions"] == []
            time.sleep(RETENTION_SECONDS / 4)  # a conversation is held from its answer on, which came later than its request
            for session in ("short", "streamed"):
                assert world.chat(session, proxy.key).headers["x-token-guard-history"] == "started"
            assert world.chat("short", proxy.key, [say("user", "And now?")]).headers["x-token-guard-history"] == "added;messages=2"
