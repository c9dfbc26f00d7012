"""Providers that take a quarter of what everybody believes: the first long request is answered all the same, the next is right at once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from anthropic_chat import translated
from responses_rules import as_items, count_input
from responses_upstream import ResponsesUpstream
from shared_proxies import client_of

from token_guard.demo.conversation import conversation
from token_guard.demo.openai_rules import Refusal, count_prompt
from token_guard.demo.proxy import Proxy
from token_guard.demo.upstream import Upstream

BELIEVED, TRUE = 64_000, 16_000
HISTORY = conversation()[:42]
LARGER = [*HISTORY, {"role": "assistant", "content": "Done."}, {"role": "user", "content": "And what was the cause?"}]


@dataclass(frozen=True, slots=True)
class Wording(Refusal):
    """A refusal in a body of another shape than OpenAI's."""

    shape: Callable[[str, int], dict[str, Any]] = lambda message, tokens: {"error": {"message": message}}
    tokens: int = 0

    @property
    def body(self) -> dict[str, Any]:
        return self.shape(self.message, self.tokens)


def openai_shape(message: str, _tokens: int) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": "messages", "code": "context_length_exceeded"}}


def vllm_shape(message: str, _tokens: int) -> dict[str, Any]:
    return {"object": "error", "message": message, "type": "BadRequestError", "param": None, "code": 400}


def anthropic_shape(message: str, _tokens: int) -> dict[str, Any]:
    return {"type": "error", "error": {"type": "invalid_request_error", "message": message}}


def gemini_shape(message: str, _tokens: int) -> dict[str, Any]:
    return {"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}}


def tgi_shape(message: str, _tokens: int) -> dict[str, Any]:
    return {"error": message, "error_type": "validation"}


def llama_shape(message: str, tokens: int) -> dict[str, Any]:
    return {
        "error": {"code": 400, "message": message, "type": "exceed_context_size_error", "n_prompt_tokens": tokens, "n_ctx": TRUE},
    }


STYLES: Mapping[str, tuple[str, int, Callable[[str, int], dict[str, Any]]]] = {
    "openai-1": (
        "This model's maximum context length is {window} tokens. However, your messages resulted in {tokens} tokens.",
        400,
        openai_shape,
    ),
    "openai-2": ("Your input exceeds the context window of this model. Please adjust your input and try again.", 400, openai_shape),
    "vllm-1": (
        "This model's maximum context length is {window} tokens. However, you requested 16 output tokens and your prompt contains at least "
        "{tokens} input tokens, for a total of at least {tokens} tokens.",
        400,
        vllm_shape,
    ),
    "vllm-2": ("The decoder prompt (length {tokens}) is longer than the maximum model length of {window}. Make sure that", 400, vllm_shape),
    "anthropic-1": ("prompt is too long: {tokens} tokens > {window} maximum", 400, anthropic_shape),
    "anthropic-2": (
        "input length and `max_tokens` exceed context limit: {tokens} + 16 > {window}, decrease input length or `max_tokens` and try again",
        400,
        anthropic_shape,
    ),
    "gemini": ("The input token count ({tokens}) exceeds the maximum number of tokens allowed ({window}).", 400, gemini_shape),
    "sglang": ("The input ({tokens} tokens) is longer than the model's context length ({window} tokens).", 400, vllm_shape),
    "llama.cpp": ("the request exceeds the available context size, try increasing it", 400, llama_shape),
    "tgi": (
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= {window}. Given: {tokens} `inputs` tokens and 16 `max_new_tokens`",
        422,
        tgi_shape,
    ),
    "mistral": (
        "Prompt contains {tokens} tokens and 0 draft tokens, too large for model with {window} maximum context length",
        400,
        vllm_shape,
    ),
}


@dataclass
class Provider:
    """One stand-in for all styles: the model's name says which words refuse it, and how often they did."""

    refused: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, request: Mapping[str, Any]) -> Refusal | None:
        model, tokens = request["model"], count_prompt(request) if "messages" in request else count_input(request)
        if model == "stubborn":
            self.refused[model] += 1
            return Refusal(STYLES["openai-2"][0])
        wording = STYLES.get(model.partition("/")[0])
        over = wording is not None and tokens > TRUE
        with self.lock:
            (self.refused if over else self.answered)[model] += 1
        if wording is None or not over:
            return None
        message, status, shape = wording
        return Wording(message.format(window=TRUE, tokens=tokens), status=status, shape=shape, tokens=tokens)


class ResponsesProvider(ResponsesUpstream):
    """The same provider behind `/v1/responses`."""

    def __init__(self, provider: Provider) -> None:
        super().__init__(BELIEVED)
        self.provider = provider

    def refusal(self, request: Mapping[str, Any]) -> Refusal | None:
        return self.provider(request)


@dataclass(frozen=True)
class Learner:
    provider: Provider
    proxy: Proxy

    def post(self, path: str, model: str, body: Mapping[str, Any], *, stream: bool) -> str:
        """The raw answer of another endpoint."""
        request = {"model": model, "stream": stream, **body}
        answer = httpx.post(f"{self.proxy.url}/{path}", json=request, headers={"Authorization": f"Bearer {self.proxy.key}"}, timeout=60)
        assert answer.status_code == 200, answer.text[:500]
        return answer.text

    def ask(self, model: str, messages: Any, *, stream: bool = False) -> str:
        answer = client_of(self.proxy).chat.completions.create(model=model, messages=messages, stream=stream)
        if stream:
            return "".join(choice.delta.content or "" for chunk in answer for choice in chunk.choices)
        return answer.choices[0].message.content

    def header(self, model: str, messages: Any, name: str) -> str | None:
        answer = client_of(self.proxy).chat.completions.with_raw_response.create(model=model, messages=messages)
        return answer.headers.get(f"x-token-guard-{name}")


def deployment(group: str, model: str, url: str, window: int, provider: str = "openai") -> dict[str, Any]:
    return {
        "model_name": group,
        "litellm_params": {"model": f"{provider}/{model}", "api_base": url, "api_key": "none"},
        "model_info": {"id": group, "max_input_tokens": window},
    }


@pytest.fixture(scope="module")
def learner() -> Iterator[Learner]:
    outage = Refusal("The server is overloaded.", type="server_error", param=None, status=503)
    provider = Provider()
    with ExitStack() as stack:
        upstream = stack.enter_context(Upstream(1_000_000, check=provider))
        down = stack.enter_context(Upstream(1_000_000, check=lambda request: outage))
        small = stack.enter_context(Upstream(8_000))
        models = [
            deployment(f"{style}/{kind}", f"{style}/{kind}", upstream.url, BELIEVED) for style in STYLES for kind in ("whole", "stream")
        ]
        responses = stack.enter_context(ResponsesProvider(provider))
        for name in (f"{style}/{kind}" for style in STYLES for kind in ("whole", "stream")):
            models.append(deployment(f"{name}/messages", f"{name}/messages", upstream.url, BELIEVED, provider="hosted_vllm"))
            models.append(deployment(f"{name}/responses", f"{name}/responses", responses.url, BELIEVED))
        models += [
            deployment("large", "gpt-4o", down.url, 128_000),
            deployment("small", "gpt-4o", small.url, 8_000),
            deployment("stubborn", "stubborn", upstream.url, BELIEVED),
            deployment("picky", "gpt-4o", small.url, 8_000),
            deployment("gemini/metered", "gemini/metered", upstream.url, BELIEVED),
            {**deployment("choice", "gpt-4o", small.url, 8_000), "model_info": {"id": "choice-small", "max_input_tokens": 8_000}},
            {**deployment("choice", "roomy", upstream.url, 0), "model_info": {"id": "choice-large", "max_input_tokens": 128_000}},
        ]
        config = {
            "model_list": models,
            "litellm_settings": {"callbacks": ["token_guard.callback", "prometheus"]},
            "router_settings": {
                "num_retries": 0,
                "disable_cooldowns": True,
                "enable_pre_call_checks": True,
                "fallbacks": [{"large": ["small"]}, {"stubborn": ["choice"]}],
            },
            "callback_settings": {"token_guard": {"store": "memory:"}},
        }
        yield Learner(provider, stack.enter_context(Proxy(config)).wait())


@pytest.mark.parametrize("kind", ["whole", "stream"])
@pytest.mark.parametrize("style", STYLES)
def test_the_first_long_request_costs_one_refusal_and_the_second_none(learner: Learner, style: str, kind: str) -> None:
    model, stream = f"{style}/{kind}", kind == "stream"
    assert count_prompt({"messages": HISTORY}) > TRUE
    assert "stand-in model" in learner.ask(model, HISTORY, stream=stream)
    assert (learner.provider.refused[model], learner.provider.answered[model]) == (1, 1)
    assert "stand-in model" in learner.ask(model, LARGER, stream=stream)
    assert (learner.provider.refused[model], learner.provider.answered[model]) == (1, 2)


BODIES: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "messages": lambda history: {"max_tokens": 500, "system": translated(history)[0], "messages": translated(history)[1]},
    "responses": lambda history: {"input": as_items(history)},
}


@pytest.mark.parametrize("endpoint", BODIES)
@pytest.mark.parametrize("kind", ["whole", "stream"])
@pytest.mark.parametrize("style", STYLES)
def test_the_other_endpoints_learn_and_retry_alike(learner: Learner, style: str, kind: str, endpoint: str) -> None:
    model, stream = f"{style}/{kind}/{endpoint}", kind == "stream"
    for history, answered in ((HISTORY, 1), (LARGER, 2)):
        assert "stand-in" in learner.post(endpoint, model, BODIES[endpoint](history), stream=stream)
        assert (learner.provider.refused[model], learner.provider.answered[model]) == (1, answered)


def test_a_fallback_to_a_small_window_answers_a_long_conversation(learner: Learner) -> None:
    history = conversation()
    assert count_prompt({"messages": history}) > 50_000
    assert "stand-in model" in learner.ask("large", history)
    assert "stand-in model" in learner.ask("large", history, stream=True)


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_refused_twice_goes_to_the_users_own_fallback(learner: Learner, stream: bool) -> None:
    before = learner.provider.refused["stubborn"]
    assert "stand-in model" in learner.ask("stubborn", HISTORY, stream=stream)
    assert learner.provider.refused["stubborn"] == before + 2


def test_a_deployment_that_refuses_everything_gets_no_retries_for_a_while(learner: Learner) -> None:
    learner.ask("stubborn", HISTORY)
    before = learner.provider.refused["stubborn"]
    for _ in range(3):
        assert "stand-in model" in learner.ask("stubborn", HISTORY)
    assert learner.provider.refused["stubborn"] == before + 3


def test_the_routers_own_check_does_not_refuse_what_can_be_compacted(learner: Learner) -> None:
    history = conversation()
    assert "stand-in model" in learner.ask("picky", history)
    assert learner.header("picky", history, "limit") == "8000"


def test_a_deployment_that_takes_the_request_as_it_is_is_preferred(learner: Learner) -> None:
    before = learner.provider.answered["roomy"]
    for _ in range(6):
        learner.ask("choice", HISTORY)
    assert learner.provider.answered["roomy"] == before + 6


def test_context_errors_are_counted_by_model(learner: Learner) -> None:
    learner.ask("gemini/metered", HISTORY)
    metrics = httpx.get(
        learner.proxy.url.replace("/v1", "/metrics/"), headers={"Authorization": f"Bearer {learner.proxy.key}"}, trust_env=False
    ).text
    assert 'token_guard_context_errors_total{model="gemini/metered"} 1.0' in metrics
