import asyncio
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from limits_servers import (
    GROQ,
    IDS_ONLY,
    LLAMA_CPP,
    LM_STUDIO,
    OLLAMA,
    OLLAMA_PLAIN,
    OPENROUTER,
    TGI,
    TOGETHER,
    VLLM,
    Reply,
    dripping,
    endless,
    raw,
    send,
    serving,
    silent,
    status,
    with_etag,
)

from token_guard import Guard, Settings
from token_guard.limits import Deployment, LimitChain
from token_guard.limits.discovery import Discovery
from token_guard.limits.pages import careful_client
from token_guard.proxy.attempt import open_attempt
from token_guard.stores import MemoryStore

MODEL = "hosted_vllm/acme/house-model"


class Clock:
    """A clock that moves when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def discovery(clock: Clock) -> Discovery:
    return Discovery(clock=clock)


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """Set at the end, so that servers that hang let go."""
    event = threading.Event()
    yield event
    event.set()


def window(discovery: Discovery, base: str, model: str = MODEL) -> int | None:
    limit = discovery.ask(model, Deployment(api_base=base))
    return limit.max_input_tokens if limit else None


def until(done: Callable[[], Any], what: str) -> Any:
    """What `done` gives as soon as it gives anything; for background work only, so a bound on hanging and no more."""
    for _ in range(3_000):
        if value := done():
            return value
        time.sleep(0.01)
    pytest.fail(f"never happened: {what}")


# -- the kinds of servers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("routes", "path", "expected", "kind"),
    [
        ({"GET /v1/models": VLLM}, "/v1", 16_384, "openai_models"),
        ({"GET /api/v1/models": OPENROUTER}, "/api/v1", 65_536, "openai_models"),
        ({"GET /openai/v1/models": GROQ}, "/openai/v1", 131_072, "openai_models"),
        ({"GET /v1/models": TOGETHER}, "/v1", 32_768, "openai_models"),
        ({"GET /v1/models": IDS_ONLY, "GET /api/v0/models": LM_STUDIO}, "/v1", 8_192, "lm_studio"),
        ({"GET /v1/models": IDS_ONLY, "GET /props": LLAMA_CPP, "POST /api/show": OLLAMA}, "/v1", 12_288, "llama_cpp"),
        ({"GET /v1/models": IDS_ONLY, "POST /api/show": OLLAMA}, "", 24_576, "ollama"),
        ({"POST /api/show": OLLAMA_PLAIN}, "/v1/", 40_960, "ollama"),
        ({"GET /info": TGI}, "", 3_072, "tgi"),
        ({"GET /a/v1/models": VLLM}, "/a/v1/", 16_384, "openai_models"),
    ],
    ids=["vllm", "openrouter", "groq", "together", "lm_studio", "llama_cpp", "ollama", "ollama_plain", "tgi", "below_a_path"],
)
def test_a_server_names_its_window(discovery: Discovery, routes: dict[str, Any], path: str, expected: int, kind: str) -> None:
    with serving(routes) as server:
        base = server.root + path
        assert window(discovery, base) == expected
        assert discovery.why(MODEL, Deployment(api_base=base)) == f"{kind} at {base}"


def test_each_model_of_a_server_has_its_own_window(discovery: Discovery) -> None:
    with serving({"GET /v1/models": VLLM}) as server:
        models = ("openai/acme/house-model", "acme/other", "openai/unheard-of")
        assert [window(discovery, f"{server.root}/v1", model) for model in models] == [16_384, 4_096, None]
        assert server.paths.count("GET /v1/models") == 1


def test_the_only_model_of_a_server_may_be_asked_for_by_any_name(discovery: Discovery) -> None:
    with serving({"GET /v1/models": {"data": VLLM["data"][:1]}}) as server:
        assert window(discovery, f"{server.root}/v1", "openai/whatever") == 16_384


def test_the_only_window_in_a_longer_list_is_that_of_its_model_alone(discovery: Discovery) -> None:
    with serving({"GET /v1/models": {"data": [*VLLM["data"][:1], {"id": "other"}]}}) as server:
        assert window(discovery, f"{server.root}/v1", "openai/other") is None


def test_the_longest_reply_is_taken_where_it_is_named(discovery: Discovery) -> None:
    with serving({"GET /v1/models": OPENROUTER}) as server:
        limit = discovery.ask(MODEL, Deployment(api_base=f"{server.root}/v1"))
        assert limit
        assert (limit.max_output_tokens, limit.source) == (8_192, "discovery")


def test_ollama_is_asked_by_the_name_that_it_knows(discovery: Discovery) -> None:
    with serving({"POST /api/show": OLLAMA}) as server:
        window(discovery, server.root, "ollama_chat/hf.co/acme/house:8b")
        assert [body for path, _, body in server.asked if path == "POST /api/show"] == [{"model": "hf.co/acme/house:8b"}]


# -- in the background ---------------------------------------------------------------------------------------------------


def test_the_first_request_uses_the_rest_of_the_chain_and_a_later_one_what_was_found(clock: Clock) -> None:
    chain = LimitChain(more=(Discovery(clock=clock),), environ={}, clock=clock)
    with serving({"GET /v1/models": VLLM}) as server:
        deployment = Deployment(id="a", api_base=f"{server.root}/v1")
        assert chain.resolve(MODEL, deployment).source == "default"

        # as soon as it is known, not when the answer before has grown old
        assert until(lambda: chain.resolve(MODEL, deployment).max_input_tokens == 16_384, "the window is found")
        assert chain.resolve(MODEL, deployment).source == "discovery"


def test_what_is_learned_of_an_answer_asks_nobody(discovery: Discovery) -> None:
    with serving({"GET /v1/models": VLLM}) as server:
        # LiteLLM's events have the address of the call, not of the server
        deployment = Deployment(id="a", api_base=f"{server.root}/v1/chat/completions")
        guard = Guard(Settings(), sources=(discovery,))
        assert guard.learn({"model": "house", "messages": [{"role": "user", "content": "a few words"}]}, 12, deployment=deployment)
        assert not discovery._findings
        assert server.asked == []


def test_what_people_wrote_wins_and_what_the_map_knows_does_not(discovery: Discovery) -> None:
    listed = {"data": [{"id": "gpt-4o", "max_model_len": 9_000}, {"id": "other"}]}
    with serving({"GET /v1/models": listed}) as server:
        plain = Deployment(api_base=f"{server.root}/v1")
        claimed = Deployment(api_base=f"{server.root}/v1", model_info={"max_input_tokens": 5_000})
        discovery.ask("openai/gpt-4o", plain)
        chain = LimitChain(more=(discovery,), environ={})
        assert [chain.resolve("openai/gpt-4o", one).source for one in (plain, claimed)] == ["discovery", "deployment"]


@pytest.mark.parametrize("deployment", [None, Deployment(), Deployment(id="a", group="b")])
def test_where_no_server_is_configured_nobody_is_asked(discovery: Discovery, deployment: Deployment | None) -> None:
    assert discovery("gpt-4o", deployment) is None
    assert discovery._asked == set()


def test_a_silent_server_holds_no_request_and_many_requests_ask_it_once(discovery: Discovery, released: threading.Event) -> None:
    with serving({"GET /v1/models": silent(released)}) as server:
        deployment = Deployment(api_base=f"{server.root}/v1")
        assert [discovery(MODEL, deployment) for _ in range(1_000)] == [None] * 1_000
        until(lambda: server.paths, "the server is asked")
        assert server.paths == ["GET /v1/models"]


def test_at_most_two_servers_are_asked_at_a_time(discovery: Discovery) -> None:
    at_work: list[int] = []
    most: list[int] = []

    def slow(request: Any) -> None:
        at_work.append(1)
        most.append(len(at_work))
        time.sleep(0.02)
        at_work.pop()
        send(request, 200, b'{"data": [{"id": "one", "max_model_len": 4096}]}')

    with serving({f"GET /{number}/v1/models": slow for number in range(12)}) as server:
        for number in range(12):
            discovery(MODEL, Deployment(api_base=f"{server.root}/{number}/v1"))
        until(lambda: not discovery._asked, "all are asked")
    assert max(most) == 2


# -- servers that are not well -------------------------------------------------------------------------------------------


def test_a_dead_server_is_asked_again_after_a_growing_time(discovery: Discovery, clock: Clock) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        deployment = Deployment(api_base=f"http://127.0.0.1:{taken.getsockname()[1]}/v1")
        waits = []
        for _ in range(8):
            assert discovery.ask(MODEL, deployment) is None
            waits.append(discovery._findings[next(iter(discovery._findings))].until - clock.now)
            clock.now += waits[-1]
    assert waits == [15.0, 30.0, 60.0, 120.0, 240.0, 480.0, 900.0, 900.0]


def test_a_slow_server_is_given_up_after_the_time_out(clock: Clock, released: threading.Event) -> None:
    impatient = Discovery(clock=clock, client=lambda _seconds: careful_client(0.3))
    for slow in (silent(released), dripping(released)):
        with serving({"GET /v1/models": slow}) as server:
            assert window(impatient, f"{server.root}/v1") is None
            assert server.paths == ["GET /v1/models"]


DEEP = b"[" * 100_000


@pytest.mark.parametrize(
    "answer",
    [
        endless,
        raw(b"x" * 5_000_000),
        raw(DEEP),
        raw(b"<html>"),
        raw(b"\xff\xfe"),
        raw(b"null"),
        raw(b'{"data": {"id": 3}}'),
        raw(b'{"data": [null, 3, {"id": null}, {"id": ["acme/house-model"], "max_model_len": 4096}]}'),
        raw(b"\x1f\x8b\x08", content_encoding="gzip"),
        raw(b"{}", content_length="1000000"),
        status(401),
        status(204),
        status(500),
    ],
    ids=["endless", "huge", "deep", "html", "bytes", "null", "shape", "entries", "gzip", "cut short", "refused", "empty", "broken"],
)
def test_nonsense_is_no_window(clock: Clock, answer: Reply) -> None:
    with serving({"GET /v1/models": answer}) as server:
        impatient = Discovery(clock=clock, client=lambda _seconds: careful_client(1.0))
        assert window(impatient, f"{server.root}/v1") is None


@pytest.mark.parametrize("lie", [0, -1, 1, 255, 10_000_001, 1e300, True, None, "", "lots", [4_096], {"a": 1}, "4096 tokens"])
def test_windows_beyond_reason_are_not_believed(discovery: Discovery, lie: object) -> None:
    routes = {
        "GET /v1/models": {"data": [{"id": "acme/house-model", "max_model_len": lie}]},
        "GET /props": {"default_generation_settings": {"n_ctx": lie}},
        "POST /api/show": {"parameters": lie, "model_info": {"acme.context_length": lie}},
        "GET /info": {"max_input_tokens": lie},
    }
    with serving(routes) as server:
        assert window(discovery, f"{server.root}/v1") is None
        assert len(server.paths) == 5


@pytest.mark.parametrize("base", ["", "nonsense", "http://", "http://[", "file:///etc/passwd", "http://127.0.0.1:99999/v1", "\x00"])
def test_an_address_that_is_none_is_no_failure(discovery: Discovery, base: str) -> None:
    deployment = Deployment(api_base=base)
    assert discovery.ask(MODEL, deployment) is None
    assert discovery(MODEL, deployment) is None
    assert discovery.why(MODEL, deployment) == ""


# -- whose server, whose key ---------------------------------------------------------------------------------------------


def test_a_key_goes_to_its_own_server_only(discovery: Discovery) -> None:
    with serving({}) as other, serving({"GET /v1/models": status(307, location=f"{other.root}/v1/models")}) as server:
        discovery.ask(MODEL, Deployment(api_base=f"{server.root}/v1", api_key="sk-one"))
        assert {headers.get("authorization") for _, headers, _ in server.asked} == {"Bearer sk-one"}
        assert other.asked == []


def test_deployments_of_one_server_are_asked_about_with_their_own_keys(discovery: Discovery) -> None:
    with serving({"GET /v1/models": VLLM}) as server:
        for key in ("sk-one", "", "sk-two"):
            discovery.ask(MODEL, Deployment(api_base=f"{server.root}/v1", api_key=key))
        assert [headers.get("authorization") for _, headers, _ in server.asked] == ["Bearer sk-one", None, "Bearer sk-two"]


def test_the_environment_has_no_part_in_it(discovery: Discovery, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving({}) as proxy, serving({"GET /v1/models": VLLM}) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.root)
        monkeypatch.setenv("NO_PROXY", "")
        monkeypatch.setenv("no_proxy", "")
        assert window(discovery, f"{server.root}/v1") == 16_384
        assert proxy.asked == []


def test_a_server_that_a_client_brought_is_not_asked(discovery: Discovery) -> None:
    with serving({"GET /v1/models": VLLM}) as server:
        brought = {"api_base": f"{server.root}/v1", "api_key": "sk-mine", "model_info": {"id": "x", "original_model_id": "y"}}
        assert discovery.ask(MODEL, open_attempt(brought).deployment) is None
        assert server.asked == []


def test_keys_and_passwords_are_shown_nowhere(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    store = MemoryStore()
    discovery = Discovery(clock=clock, store=store)
    with caplog.at_level(logging.DEBUG, "token_guard"), serving({"GET /v1/models": VLLM}) as server:
        base = server.root.replace("http://", "http://user:hidden@") + "/v1"
        deployment = Deployment(api_base=base, api_key="hidden")
        assert discovery.ask(MODEL, deployment)
        shown = [repr(deployment).replace(base, ""), discovery.why(MODEL, deployment), caplog.text, repr(store.keys("discovered"))]
        assert [text for text in shown if "hidden" in text] == []


# -- for how long --------------------------------------------------------------------------------------------------------


def test_an_answer_is_good_for_a_while_and_then_confirmed_by_its_etag(discovery: Discovery, clock: Clock) -> None:
    with serving({"GET /v1/models": with_etag('"1"', VLLM)}) as server:
        ask = partial(window, discovery, f"{server.root}/v1")
        assert [ask(), ask()] == [16_384, 16_384]
        assert len(server.asked) == 1
        clock.now += 1_000
        assert ask() == 16_384
        assert [headers.get("if-none-match") for _, headers, _ in server.asked] == [None, '"1"']


def test_a_changed_window_is_seen_after_a_while(discovery: Discovery, clock: Clock) -> None:
    routes: dict[str, Any] = {"GET /v1/models": with_etag('"1"', VLLM)}
    with serving(routes) as server:
        seen = [window(discovery, f"{server.root}/v1")]
        routes["GET /v1/models"] = with_etag('"2"', {"data": [{"id": "acme/house-model", "max_model_len": 2_048}]})
        clock.now += 1_000
        seen.append(window(discovery, f"{server.root}/v1"))
    assert seen == [16_384, 2_048]


@pytest.mark.parametrize(
    "trouble", [status(503), status(429), lambda request: request.connection.shutdown(socket.SHUT_RDWR)], ids=["503", "429", "closed"]
)
def test_a_server_that_falls_ill_keeps_its_last_window(discovery: Discovery, clock: Clock, trouble: Reply) -> None:
    routes: dict[str, Any] = {"GET /props": LLAMA_CPP}
    with serving(routes) as server:
        seen = [window(discovery, f"{server.root}/v1")]
        routes["GET /props"] = trouble
        clock.now += 1_000
        seen.append(window(discovery, f"{server.root}/v1"))
    assert seen == [12_288, 12_288]


def test_a_server_that_no_longer_says_is_no_longer_quoted(discovery: Discovery, clock: Clock) -> None:
    routes: dict[str, Any] = {"GET /v1/models": VLLM}
    with serving(routes) as server:
        seen = [window(discovery, f"{server.root}/v1")]
        routes["GET /v1/models"] = IDS_ONLY
        clock.now += 1_000
        seen.append(window(discovery, f"{server.root}/v1"))
    assert seen == [16_384, None]


def test_the_way_that_worked_is_tried_first(discovery: Discovery, clock: Clock) -> None:
    with serving({"GET /info": TGI}) as server:
        window(discovery, server.root)
        clock.now += 1_000
        server.asked.clear()
        window(discovery, server.root)
        assert server.paths == ["GET /info"]


def test_what_was_found_survives_a_restart_until_the_server_answers(clock: Clock) -> None:
    store = MemoryStore()
    with serving({"GET /v1/models": VLLM}) as server:
        base = f"{server.root}/v1"
        window(Discovery(clock=clock, store=store), base)
    assert window(Discovery(clock=clock, store=store), base) == 16_384
    known = LimitChain(more=(Discovery(clock=clock, store=store),), environ={}, clock=clock).resolve(MODEL, Deployment(api_base=base))
    assert (known.max_input_tokens, known.source) == (16_384, "discovery"), "not by the first request already"


@pytest.mark.parametrize("text", ["", "{", "null", "[1]", '["a", 2, "b"]', "[100, null, 3]", "[1, 2, 3, 4]"])
def test_a_store_that_holds_something_else_is_no_failure(clock: Clock, text: str) -> None:
    store = MemoryStore()
    base = "http://127.0.0.1:9/v1"
    store.put("discovered", f"{base.removeprefix('http://')} {MODEL}", text)
    store.put("discovered", f"{base} {MODEL}", text)
    assert window(Discovery(clock=clock, store=store), base) is None


def test_endpoints_are_remembered_within_bounds(clock: Clock) -> None:
    with serving({"GET /v1/models": VLLM}) as server:
        discovery = Discovery(clock=clock)
        for number in range(3_000):
            discovery(f"openai/{number}", Deployment(api_base=f"{server.root}/v1"))
        assert len(discovery._asked) <= 1_024
        until(lambda: not discovery._asked, "all are asked about")
        assert len(discovery._findings) <= 1_024
        assert server.paths.count("GET /v1/models") <= 2  # one for each thread


def test_without_an_http_client_discovery_is_off_and_says_so(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert Discovery.if_wanted(True) == ()
    assert "httpx" in caplog.text


def test_a_client_of_ones_own_is_used(clock: Clock) -> None:
    import httpx

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=iter([json.dumps(VLLM).encode()]))

    own = Discovery(clock=clock, client=lambda _seconds: httpx.Client(transport=httpx.MockTransport(answer)))
    assert window(own, "http://model.invalid/v1") == 16_384


def test_a_reply_that_is_a_redirect_to_itself_ends(discovery: Discovery) -> None:
    with serving({"GET /v1/models": lambda request: send(request, 301, location="/v1/models")}) as server:
        assert window(discovery, f"{server.root}/v1") is None
        assert server.paths.count("GET /v1/models") == 1


def test_a_deployment_of_a_router_is_asked_about_with_its_own_key() -> None:
    import litellm

    from token_guard import Settings
    from token_guard.proxy.plugin import TokenGuardCallback

    completion = {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "acme/house-model",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Yes."}}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11},
    }
    callback = TokenGuardCallback(Settings(store="memory:", limits={"discovery": True}))
    before, litellm.callbacks = litellm.callbacks, [callback]
    try:
        with serving({"GET /v1/models": VLLM, "POST /v1/chat/completions": completion}) as server:
            params = {"model": MODEL, "api_base": f"{server.root}/v1", "api_key": "sk-own"}
            router = litellm.Router(model_list=[{"model_name": "house", "litellm_params": params}])
            ask = router.acompletion(model="house", messages=[{"role": "user", "content": "Is it?"}])
            asyncio.run(ask)  # type: ignore[arg-type]
            asked = until(lambda: [headers for path, headers, _ in server.asked if path == "GET /v1/models"], "the server is asked")
            assert asked[0]["authorization"] == "Bearer sk-own"
    finally:
        litellm.callbacks = before
