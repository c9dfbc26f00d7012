"""Models that nobody knows: nobody is cut on a guess, one refusal teaches the window, and the same call is answered."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from shared_proxies import PLAIN, Part, Shared, behind

from token_guard.demo.conversation import conversation
from token_guard.demo.openai_rules import Refusal, count_prompt
from token_guard.demo.proxy import Proxy
from token_guard.demo.upstream import Upstream

TRUE, DEFAULT = 32_000, 8_192
HISTORY = conversation()
MIDDLE = HISTORY[:42]
NAMING = "This model's maximum context length is {window} tokens. However, your messages resulted in {tokens} tokens."
SILENT = "Your input exceeds the context window of this model. Please adjust your input and try again."


def refusing(words: str, window: int = TRUE) -> Callable[[Mapping[str, Any]], Refusal | None]:
    def check(request: Mapping[str, Any]) -> Refusal | None:
        tokens = count_prompt({"messages": request["messages"]})
        return Refusal(words.format(window=window, tokens=tokens)) if tokens > window else None

    return check


@dataclass(frozen=True)
class World:
    proxy: Proxy
    upstreams: Mapping[str, Upstream]

    def ask(self, model: str, messages: Any, *, stream: bool = False) -> tuple[httpx.Response, list[dict[str, Any]]]:
        """The answer, and what arrived upstream for it."""
        upstream = self.upstreams[model.partition("-")[0]]
        start = len(upstream.bodies)
        headers = {"Authorization": f"Bearer {self.proxy.key}"}
        body = {"model": model, "messages": messages, "stream": stream, "max_tokens": 500}
        answer = httpx.post(f"{self.proxy.url}/chat/completions", json=body, headers=headers, timeout=60, trust_env=False)
        return answer, [json.loads(sent) for sent in upstream.bodies[start:]]


@behind(PLAIN, "unknown windows")
def part() -> Part:
    upstreams = {
        "naming": Upstream(1_000_000, check=refusing(NAMING)),
        "silent": Upstream(1_000_000, check=refusing(SILENT)),
        "tiny": Upstream(1_000_000, check=refusing(SILENT, 4_000)),
    }
    deployments = [
        {
            "model_name": f"{name}-{kind}",
            "litellm_params": {"model": "openai/wordsmith-next", "api_base": upstream.url, "api_key": "none"},
            "model_info": {"id": f"{name}-{kind}"},
        }
        for name, upstream in upstreams.items()
        for kind in ("whole", "stream", "fits", "told")
    ]
    return Part(upstreams, deployments)


@pytest.fixture(scope="module")
def world(plain_proxy: Shared) -> World:
    return World(plain_proxy.proxy, plain_proxy.upstreams["unknown windows"])


def size(request: Mapping[str, Any]) -> int:
    return count_prompt({"messages": request["messages"]})


def test_what_the_server_takes_is_not_cut_though_nobody_knows_that_it_does(world: World) -> None:
    assert DEFAULT < size({"messages": MIDDLE}) < TRUE
    answer, (arrived,) = world.ask("naming-fits", MIDDLE)
    assert (answer.status_code, arrived["messages"]) == (200, MIDDLE)


@pytest.mark.parametrize("kind", ["whole", "stream"])
def test_one_refusal_teaches_the_window_and_the_same_call_is_answered(world: World, kind: str) -> None:
    model, stream = f"naming-{kind}", kind == "stream"
    assert size({"messages": HISTORY}) > TRUE
    answer, (refused, answered) = world.ask(model, HISTORY, stream=stream)
    assert answer.status_code == 200, answer.text[:500]
    assert refused["messages"] == HISTORY
    assert TRUE // 8 < size(answered) <= TRUE
    again, (arrived,) = world.ask(model, HISTORY, stream=stream)
    assert (again.headers["x-token-guard-limit"], again.headers["x-token-guard-limit-source"]) == (str(TRUE), "learned")
    assert size(arrived) <= TRUE


@pytest.mark.parametrize("kind", ["whole", "stream"])
def test_after_a_refusal_that_names_no_window_the_default_is_used(world: World, kind: str) -> None:
    answer, (refused, answered) = world.ask(f"silent-{kind}", HISTORY, stream=kind == "stream")
    assert answer.status_code == 200, answer.text[:500]
    assert refused["messages"] == HISTORY
    assert size(answered) <= DEFAULT


def test_where_even_what_is_left_is_too_much_the_client_hears_the_provider(world: World) -> None:
    answer, _ = world.ask("tiny-whole", [{"role": "system", "content": "a rule of the house. " * 1_000}, HISTORY[1]])
    assert answer.status_code == 400
    assert "exceeds the context window" in answer.json()["error"]["message"]


def test_a_warning_names_deployment_model_and_the_line_to_write(world: World) -> None:
    for model in ("naming-told", "silent-told"):
        world.ask(model, HISTORY)
    lines = world.proxy.output.splitlines()
    (named,) = [line for line in lines if "was a guess" in line and "'naming-told'" in line]
    assert "'openai/wordsmith-next'" in named
    assert f"write `max_input_tokens: {TRUE}` into its model_info" in named
    (silent,) = [line for line in lines if "was a guess" in line and "'silent-told'" in line]
    assert f"{DEFAULT:,} tokens are assumed" in silent
    assert "write `max_input_tokens: <tokens>` into its model_info" in silent
