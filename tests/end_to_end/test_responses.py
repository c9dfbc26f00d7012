"""`/v1/responses` and `/v1/completions` through a real litellm proxy, native and bridged to Anthropic, with the openai SDK."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import openai
import pytest
from anthropic_upstream import AnthropicUpstream, strings_of, tokens_of
from responses_rules import as_items
from responses_upstream import REPLY, ResponsesUpstream, size_of
from shared_proxies import PLAIN, Part, Shared, behind, client_of

from token_guard import Guard, Settings
from token_guard.demo.conversation import conversation
from token_guard.demo.proxy import Proxy
from token_guard.limits import Deployment

WINDOW, REPLY_TOKENS = 16_000, 500
MODELS = {"native": "openai/gpt-4o", "vllm": "hosted_vllm/a-model", "bridged": "anthropic/claude-sonnet-4-5"}
TEXT_MODEL = "text-completion-openai/gpt-3.5-turbo-instruct"
SYSTEM, *SESSION = conversation()
ITEMS = as_items(SESSION)
LONG = {"instructions": SYSTEM["content"], "input": ITEMS, "max_output_tokens": REPLY_TOKENS}
PROMPT = "\n".join(f"line {number} of a long text about ledgers" for number in range(4_000))

SHORT = [
    {"role": "user", "content": "What is a ledger? Grüße, 你好"},
    {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "c2VhbGVk"},
    {"type": "function_call", "call_id": "c1", "name": "query", "arguments": '{"sql":"select 1"}'},
    {"type": "function_call", "call_id": "c2", "name": "query", "arguments": '{"sql":"select 2"}'},
    {"type": "function_call_output", "call_id": "c1", "output": "1"},
    {"type": "function_call_output", "call_id": "c2", "output": "2"},
]


@dataclass
class World:
    """A proxy with the guard in front of a stand-in for Responses and one for Anthropic."""

    proxy: Proxy
    responses: ResponsesUpstream
    anthropic: AnthropicUpstream

    @property
    def client(self) -> openai.OpenAI:
        return client_of(self.proxy)

    @property
    def seen(self) -> list[dict[str, Any]]:
        """What has arrived so far, wherever."""
        return [*self.responses.requests, *self.anthropic.requests]


@behind(PLAIN, "responses")
def part() -> Part:
    responses, anthropic = ResponsesUpstream(WINDOW), AnthropicUpstream(WINDOW)
    bases = {"native": responses.url, "vllm": responses.url, "bridged": anthropic.root, "text": responses.url}
    return Part({"responses": responses, "anthropic": anthropic}, deployments(bases))


@pytest.fixture(scope="module")
def world(plain_proxy: Shared) -> World:
    return World(plain_proxy.proxy, **plain_proxy.upstreams["responses"])


def deployments(bases: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "model_name": group,
            "litellm_params": {"model": {**MODELS, "text": TEXT_MODEL}[group], "api_base": base, "api_key": "none"},
            "model_info": {"id": group, "max_input_tokens": WINDOW},
        }
        for group, base in bases.items()
    ]


@dataclass(frozen=True)
class Outcome:
    """What a client got, and what arrived upstream for it."""

    status: int
    text: str
    headers: Mapping[str, str]
    arrived: list[dict[str, Any]]

    def header(self, name: str) -> str | None:
        return self.headers.get(f"x-token-guard-{name}")


def ask(world: World, group: str, *, stream: bool = False, **request: Any) -> Outcome:
    before = len(world.responses.requests), len(world.anthropic.requests)
    endpoint = world.client.completions if group == "text" else world.client.responses
    try:
        response = endpoint.with_raw_response.create(model=group, stream=stream, **request)
        status, text, headers = response.status_code, _text(response.parse(), stream), response.headers
    except openai.APIStatusError as error:
        status, text, headers = error.status_code, str(error), error.response.headers
    arrived = [*world.responses.requests[before[0] :], *world.anthropic.requests[before[1] :]]
    return Outcome(status, text, headers, arrived)


def _text(answer: Any, stream: bool) -> str:
    if not stream:
        return answer.output_text if hasattr(answer, "output_text") else answer.choices[0].text
    pieces = (event.choices[0].text if hasattr(event, "choices") else getattr(event, "delta", "") for event in answer)
    return "".join(piece or "" for piece in pieces)


def rewritten(group: str, **request: Any) -> Mapping[str, Any]:
    """What one rewrite makes of a request for that deployment."""
    deployment = Deployment(id=group, group=group, model_info={"id": group, "max_input_tokens": WINDOW})
    return Guard(Settings()).process({"model": MODELS[group], **request}, api="openai.responses", deployment=deployment).request


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("group", ["native", "vllm"])
def test_a_session_over_the_limit_is_answered_after_exactly_one_rewrite(world, group, stream):
    done = ask(world, group, stream=stream, **LONG)
    (arrived,) = done.arrived
    assert (done.status, done.text.strip(), done.header("action")) == (200, REPLY, "compacted")
    assert int(done.header("tokens-before")) > 50_000
    assert size_of(arrived) <= WINDOW - REPLY_TOKENS
    assert arrived["input"] == rewritten(group, **LONG)["input"]
    assert (arrived["instructions"], arrived["max_output_tokens"]) == (SYSTEM["content"], REPLY_TOKENS)


@pytest.mark.parametrize("stream", [False, True])
def test_a_bridged_session_is_rewritten_once_and_arrives_as_anthropic_demands(world, stream):
    done = ask(world, "bridged", stream=stream, **LONG)
    (arrived,) = done.arrived
    assert (done.status, done.text.strip(), done.header("action")) == (200, REPLY, "compacted")
    assert tokens_of(arrived) <= WINDOW - REPLY_TOKENS
    texts = {text for text in strings_of(rewritten("bridged", **LONG)["input"]) if len(text) > 200}
    assert len(texts) > 3
    assert texts <= set(strings_of(arrived))


@pytest.mark.parametrize("group", ["native", "vllm"])
def test_a_session_that_fits_arrives_as_it_was_sent(world, group):
    done = ask(world, group, input=SHORT, instructions="Be brief.")
    (arrived,) = done.arrived
    assert (done.status, done.header("action"), arrived["input"]) == (200, "none", SHORT)


def test_a_string_over_the_limit_arrives_as_a_shorter_string(world):
    done = ask(world, "native", input=PROMPT)
    assert (done.status, type(done.arrived[0]["input"])) == (200, str)


def test_what_the_server_holds_is_left_to_it(world):
    done = ask(world, "native", previous_response_id="resp_1", input=PROMPT)
    assert (done.status, done.header("action"), done.arrived[0]["input"]) == (400, "bypassed", PROMPT)


def test_what_cannot_fit_is_refused_and_never_arrives(world):
    done = ask(world, "native", input="Hello", instructions="The rules of the house are these. " * 4_000)
    assert (done.status, done.header("action"), done.arrived) == (400, "rejected", [])
    assert "system" in done.text


@pytest.mark.parametrize("stream", [False, True])
def test_a_prompt_over_the_limit_is_answered_with_its_middle_left_out(world, stream):
    done = ask(world, "text", stream=stream, prompt=PROMPT, max_tokens=REPLY_TOKENS)
    (arrived,) = done.arrived
    assert (done.status, done.text.strip(), done.header("action")) == (200, REPLY, "compacted")
    assert size_of(arrived) <= WINDOW - REPLY_TOKENS
    assert arrived["prompt"].startswith("line 0 of")
    assert arrived["prompt"].endswith("line 3999 of a long text about ledgers")
