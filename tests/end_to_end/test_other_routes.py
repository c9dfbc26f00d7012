"""Routes beside the four of the others, through a real litellm proxy: embeddings, pass-through, token counts, generateContent."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from anthropic_chat import translated
from anthropic_upstream import AnthropicUpstream, tokens_of
from gemini_chat import gemini_refusal

from token_guard.counting import meter_for
from token_guard.demo.conversation import conversation
from token_guard.demo.openai_rules import Refusal, count_prompt
from token_guard.demo.proxy import Proxy
from token_guard.demo.stand_in import Endpoint, StandIn
from token_guard.demo.upstream import Upstream

WINDOW, MAX_TOKENS, INPUT_WINDOW = 16_000, 500, 8_191
HISTORY = conversation()
TASK, TURNS = translated(HISTORY)
MESSAGES = {"max_tokens": MAX_TOKENS, "system": TASK, "messages": TURNS}
LINES = "\n".join(f"line {number} of a long text about ledgers" for number in range(2_000))
SHORT = [{"role": "user", "content": "Hello"}]
TOO_LARGE = "The rules of the house are these. " * 4_000
PROXIES = {"guarded": {"on_too_long": "truncate"}, "strict": {"on_too_long": "reject"}, "plain": {}}
ASKED = "the guard was asked for"
CLAUDE, GPT = "claude-sonnet-4-5", "gpt-4o"


@dataclass
class World:
    """Three proxies that differ in what they do with embeddings, in front of stand-ins."""

    proxies: dict[str, Proxy]
    chat: Upstream
    anthropic: AnthropicUpstream
    others: StandIn

    @property
    def bodies(self) -> list[bytes]:
        """What has arrived so far, wherever."""
        return [*self.chat.bodies, *self.anthropic.bodies, *self.others.bodies]


@dataclass(frozen=True)
class Outcome:
    """What a client got, and what arrived upstream for it."""

    answer: httpx.Response
    arrived: list[dict[str, Any]]

    @property
    def status(self) -> int:
        return self.answer.status_code

    def header(self, name: str) -> str | None:
        return self.answer.headers.get(f"x-token-guard-{name}")


def vector(request: Mapping[str, Any]) -> dict[str, Any]:
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    return {"object": "list", "model": "m", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}], "usage": usage}


def candidate(request: Mapping[str, Any]) -> dict[str, Any]:
    parts = {"role": "model", "parts": [{"text": "Here is the answer of the stand-in model."}]}
    usage = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
    return {"candidates": [{"content": parts, "finishReason": "STOP", "index": 0}], "usageMetadata": usage}


def others() -> StandIn:
    """Answers everything: what matters is what arrives."""
    answers: Mapping[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {
        "/embeddings": vector,
        ":generateContent": candidate,
        ":streamGenerateContent": candidate,
        "/moderations": lambda request: {"results": []},
        "/score": lambda request: {"score": 1},
        "/talk": lambda request: {"said": True},
    }
    refuses_nothing: Callable[[Mapping[str, Any]], Refusal | None] = lambda request: None  # noqa: E731 - typed where it is made
    return StandIn({end: Endpoint(refuses_nothing, answer, lambda request: iter(())) for end, answer in answers.items()})


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with ExitStack() as stack:
        chat, anthropic = stack.enter_context(Upstream(WINDOW)), stack.enter_context(AnthropicUpstream(WINDOW))
        world = World({}, chat, anthropic, stack.enter_context(others()))
        path = os.pathsep.join(filter(None, (str(Path(__file__).parent), os.environ.get("PYTHONPATH"))))
        keys = {"ANTHROPIC_API_KEY": "none", "OPENAI_API_KEY": "none"}
        bases = {"ANTHROPIC_API_BASE": anthropic.root, "OPENAI_API_BASE": chat.root}
        # pass-through calls have no deployment: their window is said by name
        windows = {"MODEL_LIMIT_CLAUDE_SONNET_4_5": str(WINDOW), "MODEL_LIMIT_GPT_4O": str(WINDOW)}
        for name, settings in PROXIES.items():
            proxy = Proxy(config(world, settings), environment={**keys, **bases, **windows, "PYTHONPATH": path})
            world.proxies[name] = stack.enter_context(proxy)
        for proxy in world.proxies.values():
            proxy.wait()
        yield world


def config(world: World, settings: dict[str, Any]) -> dict[str, Any]:
    watched = settings == PROXIES["plain"]
    return {
        "model_list": [
            deployment("embed", "openai/text-embedding-3-small", world.others.url, INPUT_WINDOW),
            deployment("claude", f"anthropic/{CLAUDE}", world.anthropic.root),
            deployment("chat", "hosted_vllm/a-model", world.chat.url),
            deployment("gemini", "gemini/gemini-2.5-flash", world.others.root),
        ],
        "litellm_settings": {"callbacks": ["watched_callback.callback" if watched else "token_guard.callback"]},
        "router_settings": {"num_retries": 0},
        "general_settings": {"pass_through_endpoints": [{"path": "/own", "target": world.others.root, "include_subpath": True}]},
        "callback_settings": {"token_guard": settings},
    }


def deployment(group: str, model: str, base: str, window: int = WINDOW) -> dict[str, Any]:
    return {
        "model_name": group,
        "litellm_params": {"model": model, "api_base": base, "api_key": "none"},
        "model_info": {"id": group, "max_input_tokens": window},
    }


@pytest.fixture
def ask(world: World) -> Callable[..., Outcome]:
    """`ask(path, proxy="guarded", **body)`."""

    def ask(path: str, *, proxy: str = "guarded", **body: Any) -> Outcome:
        before, place = list(map(id, world.bodies)), world.proxies[proxy]
        headers = {"x-api-key": place.key, "Authorization": f"Bearer {place.key}"}
        answer = httpx.post(place.url.removesuffix("/v1") + path, json=body, headers=headers, timeout=60, trust_env=False)
        return Outcome(answer, [json.loads(body) for body in world.bodies if id(body) not in before])

    return ask


# -- embeddings ----------------------------------------------------------------------------------------------------------


def test_an_input_over_the_window_is_cut_at_its_end_between_lines(ask):
    done = ask("/v1/embeddings", model="embed", input=["Hello", LINES])
    (arrived,) = done.arrived
    assert (done.status, done.header("action"), arrived["input"][0]) == (200, "compacted", "Hello")
    assert LINES.startswith(arrived["input"][1] + "\n")
    assert int(done.header("tokens-before")) > INPUT_WINDOW >= int(done.header("tokens-after")) > 0.98 * INPUT_WINDOW


def test_token_ids_over_the_window_are_cut_by_their_number(ask):
    done = ask("/v1/embeddings", model="embed", input=[[7] * 9_000, [8] * 10])
    assert [len(ids) for ids in done.arrived[0]["input"]] == [INPUT_WINDOW, 10]


def test_an_input_that_fits_arrives_as_it_was_sent(ask):
    done = ask("/v1/embeddings", model="embed", input=["Hello", "Grüße"])
    assert (done.header("action"), done.arrived[0]["input"]) == ("none", ["Hello", "Grüße"])


def test_an_input_over_the_window_is_refused_by_its_number_where_the_operator_says_so(ask):
    done = ask("/v1/embeddings", proxy="strict", model="embed", input=["Hello", LINES])
    error = done.answer.json()["error"]
    assert (done.status, done.arrived, done.header("action")) == (400, [], "rejected")
    assert (error["code"], error["param"], error["type"]) == ("context_length_exceeded", "input", "invalid_request_error")
    assert error["message"].startswith("input[1] counts ")
    assert "more than the 8,191 that" in error["message"]


def test_by_default_embeddings_pass_by(ask):
    done = ask("/v1/embeddings", proxy="plain", model="embed", input=LINES)
    assert (done.status, done.header("action"), done.arrived[0]["input"]) == (200, None, LINES)


# -- pass-through --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
def test_a_session_passed_on_to_anthropic_is_fitted_to_the_model_that_it_names(ask, stream):
    done = ask("/anthropic/v1/messages", model=CLAUDE, stream=stream, **MESSAGES)
    (arrived,) = done.arrived
    assert (done.status, done.header("action"), done.header("limit")) == (200, "compacted", str(WINDOW))
    assert tokens_of(arrived) <= WINDOW - MAX_TOKENS
    assert arrived["system"] == TASK
    assert arrived.keys() - {"stream"} == {"model", *MESSAGES}


@pytest.mark.parametrize("route", ["/openai/v1/chat/completions", "/openai_passthrough/v1/chat/completions"])
def test_a_session_passed_on_to_openai_is_fitted_too(ask, route):
    done = ask(route, model=GPT, messages=HISTORY)
    assert (done.status, done.header("action")) == (200, "compacted")
    assert count_prompt(done.arrived[0]) <= WINDOW


def test_what_the_client_sends_beside_its_messages_passes_as_it_is(ask):
    body = {"model": CLAUDE, "max_tokens": 9, "messages": SHORT, "temperature": 0.5, "top_k": 3}
    done = ask("/anthropic/v1/messages", **body)
    assert (done.header("action"), done.arrived) == ("none", [body])


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("/own/v1/moderations", {"model": "omni", "input": TOO_LARGE}),
        ("/own/score", {"query": TOO_LARGE, "documents": [TOO_LARGE]}),
        ("/own/score", {"model": "m", "prompt": TOO_LARGE}),
        ("/own/score", {"messages": [{"role": "user", "content": TOO_LARGE}]}),
    ],
)
def test_bodies_that_ask_no_model_for_an_answer_pass_as_they_are(ask, route, body):
    done = ask(route, **body)
    assert (done.status, done.header("action"), done.arrived) == (200, None, [body])


def test_on_the_operators_own_route_a_chat_is_known_by_its_shape(ask):
    done = ask("/own/talk", model=GPT, messages=HISTORY)
    assert (done.status, done.header("action")) == (200, "compacted")
    assert count_prompt(done.arrived[0]) <= WINDOW


def test_what_cannot_fit_is_refused_on_pass_through_routes(ask):
    done = ask("/anthropic/v1/messages", model=CLAUDE, max_tokens=9, messages=SHORT, system=TOO_LARGE)
    assert (done.status, done.arrived, done.header("action")) == (400, [], "rejected")
    assert done.answer.json()["error"]["message"].startswith("prompt is too long: ")


# -- counting ------------------------------------------------------------------------------------------------------------


def test_token_counts_are_the_providers_with_headers_on_what_would_be_forwarded(ask):
    done, sent = (ask(path, model="claude", **MESSAGES) for path in ("/v1/messages/count_tokens", "/v1/messages"))
    assert (done.header("action"), done.header("tokens-after")) == ("compacted", sent.header("tokens-after"))
    if not done.arrived:
        pytest.skip("this litellm asks no server of a deployment's own for its counts")
    raw, forwarded = done.arrived
    assert raw["messages"] == TURNS
    assert forwarded["messages"] == sent.arrived[0]["messages"]
    assert done.header("tokens-raw") == str(tokens_of(MESSAGES))
    assert done.answer.json()["input_tokens"] == tokens_of(forwarded) < tokens_of(MESSAGES)


def test_where_no_provider_counts_litellm_does_and_the_headers_are_the_same(ask):
    plain, guarded = (ask("/v1/messages/count_tokens", proxy=proxy, model="chat", **MESSAGES) for proxy in ("plain", "guarded"))
    assert guarded.header("tokens-raw") == str(plain.answer.json()["input_tokens"])
    assert guarded.answer.json()["input_tokens"] < WINDOW < plain.answer.json()["input_tokens"]
    assert (guarded.header("action"), guarded.arrived) == ("compacted", [])


def test_a_provider_that_cannot_count_is_heard_as_without_the_guard(world, ask, monkeypatch):
    monkeypatch.delitem(world.anthropic._endpoints, "/v1/messages/count_tokens")
    plain, guarded = (ask("/v1/messages/count_tokens", proxy=proxy, model="claude", messages=SHORT) for proxy in ("plain", "guarded"))
    assert guarded.status == plain.status
    assert guarded.answer.json() == plain.answer.json()


def test_a_count_of_a_request_that_fits_says_so(ask):
    done = ask("/v1/messages/count_tokens", model="claude", messages=SHORT)
    assert (done.status, done.header("action")) == (200, "none")


def test_a_count_without_a_key_or_of_nothing_says_nothing_more(world, ask):
    body = {"model": "claude", "messages": SHORT}
    refused = httpx.post(f"{world.proxies['guarded'].url}/messages/count_tokens", json=body, trust_env=False, timeout=60)
    empty = ask("/v1/messages/count_tokens", model="claude")
    assert refused.status_code >= 400
    assert empty.status == 400
    assert empty.header("action") is None is refused.headers.get("x-token-guard-action")


# -- lists of models -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/models", "/models", "/model/info", "/v1/model/info"])
def test_lists_of_models_say_which_window_is_believed_and_whence_and_nothing_else_differs(world, path):
    plain, guarded = (listed(world.proxies[name], path) for name in ("plain", "guarded"))
    windows = {name: entry.pop("context_window") for name, entry in guarded.items()}
    assert windows["claude"] == {"max_input_tokens": WINDOW, "source": "environment"}
    assert windows["embed"] == {"max_input_tokens": INPUT_WINDOW, "source": "deployment"}
    assert all(entry["max_input_tokens"] == windows[name]["max_input_tokens"] for name, entry in guarded.items())
    for name, entry in guarded.items():
        assert {**entry, "max_input_tokens": None} == {**plain[name], "max_input_tokens": None}


def listed(proxy: Any, path: str) -> dict[str, dict[str, Any]]:
    """The entries by the name that clients use; of detailed ones the model_info."""
    answer = httpx.get(proxy.url.removesuffix("/v1") + path, headers={"Authorization": f"Bearer {proxy.key}"}, trust_env=False, timeout=60)
    assert answer.status_code == 200
    return {entry.get("model_name") or entry["id"]: dict(entry.get("model_info") or entry) for entry in answer.json()["data"]}


@pytest.mark.parametrize("path", ["/v1/models", "/model/info"])
def test_without_a_key_no_list_is_told(world, path):
    answer = httpx.get(world.proxies["guarded"].url.removesuffix("/v1") + path, trust_env=False, timeout=60)
    assert answer.status_code >= 400
    assert "context_window" not in answer.text


# -- generateContent -----------------------------------------------------------------------------------------------------


def contents() -> list[dict[str, Any]]:
    return [{"role": "user", "parts": [{"text": f"{number} {LINES[:4_000]}"}]} for number in range(40)]


def test_generate_content_bridged_to_chat_is_rewritten_once(world, ask):
    proxy = world.proxies["plain"]
    before = proxy.output.count(ASKED)
    done = ask("/v1beta/models/chat:generateContent", proxy="plain", contents=contents())
    (arrived,) = done.arrived
    assert (done.status, done.header("action")) == (200, "compacted")
    assert count_prompt(arrived) <= WINDOW
    assert proxy.output.count(ASKED) == before + 1


@pytest.mark.parametrize("route", [":generateContent", ":streamGenerateContent"])
def test_native_generate_content_is_fitted(ask, route):
    body = {
        "contents": contents(),
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "generationConfig": {"maxOutputTokens": MAX_TOKENS},
    }
    done = ask(f"/v1beta/models/gemini{route}", **body)
    (arrived,) = done.arrived
    assert (done.status, done.header("action"), done.header("limit")) == (200, "compacted", str(WINDOW))
    assert len(arrived["contents"]) < len(contents())
    assert arrived["contents"][-1]["parts"][0] == contents()[-1]["parts"][0]  # what recall adds comes behind it
    assert (arrived["systemInstruction"], arrived["generationConfig"]) == (body["systemInstruction"], body["generationConfig"])
    assert not gemini_refusal(arrived)
    assert meter_for("gemini-2.5-flash").text(json.dumps(arrived["contents"])) < WINDOW


def test_native_generate_content_that_fits_arrives_as_it_was_sent(ask):
    done = ask("/v1beta/models/gemini:generateContent", contents=contents()[:1])
    assert (done.status, done.header("action"), done.arrived[0]["contents"]) == (200, "none", contents()[:1])


def test_native_generate_content_that_cannot_fit_is_refused_in_googles_words(ask):
    done = ask("/v1beta/models/gemini:generateContent", contents=contents()[:1], systemInstruction={"parts": [{"text": TOO_LARGE}]})
    assert (done.status, done.arrived, done.header("action")) == (400, [], "rejected")
    assert "exceeds the maximum number of tokens allowed" in str(done.answer.json())


# -- refusals ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("group", ["claude", "chat"])
def test_what_cannot_fit_is_refused_on_messages_in_anthropics_shape_and_words(ask, group, stream):
    done = ask("/v1/messages", model=group, stream=stream, max_tokens=9, messages=SHORT, system=TOO_LARGE)
    assert (done.status, done.arrived, done.header("action")) == (400, [], "rejected")
    body = done.answer.json()
    if "type" not in ask("/v1/messages", model="unknown", max_tokens=9, messages=SHORT).answer.json():
        pytest.skip("this litellm answers no error on /v1/messages in Anthropic's shape")
    assert (body["type"], body["error"]["type"]) == ("error", "invalid_request_error")
    tokens, _, allowed = body["error"]["message"].removeprefix("prompt is too long: ").split(" ", 3)[:3]
    assert int(tokens) > int(body["error"]["message"].split(" > ")[1].split(" ")[0])
    assert allowed


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("group", ["claude", "chat"])
def test_what_cannot_fit_is_refused_on_responses_in_openais_shape(ask, group, stream):
    done = ask("/v1/responses", model=group, stream=stream, input="Hello", instructions=TOO_LARGE)
    error = done.answer.json()["error"]
    assert (done.status, done.arrived, done.header("action")) == (400, [], "rejected")
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", "input", "context_length_exceeded")
    assert error["message"].startswith("Your input exceeds the context window of this model. ")


def test_a_refusal_teaches_no_window(ask):
    ask("/v1/messages", model="claude", max_tokens=9, messages=SHORT, system=TOO_LARGE)
    done = ask("/v1/messages", model="claude", max_tokens=9, messages=SHORT)
    assert done.header("limit") == str(WINDOW)
