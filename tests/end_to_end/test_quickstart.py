"""Every set-up of docs/quickstart.md in a real proxy, with a stand-in where it names a server: a conversation that is too long is answered."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import litellm
import pytest
import yaml
from anthropic_chat import translated
from anthropic_upstream import AnthropicUpstream, tokens_of
from responses_rules import as_items
from responses_upstream import ResponsesUpstream, size_of
from shared_proxies import PLAIN, Part, Shared, behind

from token_guard.demo.conversation import conversation
from token_guard.demo.openai_rules import count_prompt
from token_guard.demo.stand_in import REPLY, Endpoint, StandIn
from token_guard.demo.upstream import Upstream

DOCUMENT = Path(__file__).parents[2] / "docs/quickstart.md"
SECTION = re.compile(r"^## (.*?)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECTIONS = {name: BLOCK.findall(text) for name, text in SECTION.findall(DOCUMENT.read_text(encoding="utf-8"))}
CONFIGS = {name: yaml.safe_load(block) for name, blocks in SECTIONS.items() for kind, block in blocks if kind == "yaml"}
PYTHON = [block for kind, block in SECTIONS["Python"] if kind == "python"]

WINDOW = 16_000
HISTORY = conversation()
SYSTEM, TURNS = translated(HISTORY)


class OllamaUpstream(StandIn):
    """Serves `/api/chat` as Ollama does: what is too long is cut in silence, so that nothing is refused."""

    def __init__(self) -> None:
        super().__init__({"/api/chat": Endpoint(lambda request: None, self._answer, lambda request: iter(()))})

    def _answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        message = {"role": "assistant", "content": REPLY}
        return {"model": request["model"], "created_at": "2025-01-01T00:00:00Z", "message": message, "done": True, "eval_count": 8}


@dataclass(frozen=True)
class SetUp:
    """What stands in for the server of a section, and what a client of that section sends."""

    server: type[StandIn]
    path: str
    model: str
    body: Mapping[str, Any]

    def started(self) -> StandIn:
        return self.server() if self.server is OllamaUpstream else self.server(WINDOW)  # type: ignore[call-arg]


CHAT = {"messages": HISTORY}
SETUPS = {
    "A provider with a key": SetUp(Upstream, "chat/completions", "gpt-4o", CHAT),
    "Ollama": SetUp(OllamaUpstream, "chat/completions", "qwen", CHAT),
    "vLLM": SetUp(Upstream, "chat/completions", "house", CHAT),
    "Azure": SetUp(Upstream, "chat/completions", "azure-gpt-4o", CHAT),
    "Claude Code": SetUp(
        AnthropicUpstream, "messages", "claude-sonnet-4-5", {"system": SYSTEM, "messages": TURNS, "max_tokens": 500, "stream": True}
    ),
    "Codex": SetUp(ResponsesUpstream, "responses", "gpt-5-codex", {"instructions": SYSTEM, "input": as_items(HISTORY[1:]), "stream": True}),
}


@behind(PLAIN, "quickstart")
def part() -> Part:
    upstreams = {name: setup.started() for name, setup in SETUPS.items()}
    return Part(upstreams, [_at(upstreams[name], entry) for name in SETUPS for entry in CONFIGS[name]["model_list"]])


def _at(upstream: StandIn, entry: Mapping[str, Any]) -> dict[str, Any]:
    """A deployment of the page, with the stand-in in the place of its server and its window, and no key."""
    base = upstream.url if isinstance(upstream, Upstream | ResponsesUpstream) else upstream.root
    window = {} if isinstance(upstream, OllamaUpstream) else {"token_guard": {"max_input_tokens": WINDOW}}
    known = {"litellm_params": {**entry["litellm_params"], "api_base": base, "api_key": "none"}}
    return {**entry, **known, "model_info": {**entry.get("model_info", {}), **window}}


def test_every_section_with_a_configuration_is_tried() -> None:
    assert set(CONFIGS) == set(SETUPS)


@pytest.mark.parametrize("name", SETUPS)
def test_a_conversation_that_is_too_long_is_answered(plain_proxy: Shared, name: str) -> None:
    setup, upstream = SETUPS[name], plain_proxy.upstreams["quickstart"][name]
    body = {**setup.body, "model": setup.model}
    answer = httpx.post(f"{plain_proxy.proxy.url}/{setup.path}", json=body, headers=_signed(plain_proxy), timeout=120, trust_env=False)
    assert answer.status_code == 200, answer.text
    assert REPLY.split()[-1] in answer.text
    assert answer.headers["x-token-guard-action"] == "compacted"
    sent = upstream.requests[-1]
    if isinstance(upstream, OllamaUpstream):
        assert count_prompt(sent) < sent["options"]["num_ctx"] == _num_ctx()
    else:
        assert upstream.refusals == []
        assert {"messages": tokens_of, "responses": size_of}.get(setup.path, count_prompt)(sent) <= WINDOW


def test_clients_are_told_the_window_that_ollama_is_asked_to_load(plain_proxy: Shared) -> None:
    url = plain_proxy.proxy.url.replace("/v1", "/model/info")
    told = {one["model_name"]: one for one in httpx.get(url, headers=_signed(plain_proxy), timeout=60, trust_env=False).json()["data"]}
    assert told["qwen"]["model_info"]["context_window"]["max_input_tokens"] == _num_ctx()


def _num_ctx() -> int:
    return CONFIGS["Ollama"]["model_list"][0]["litellm_params"]["num_ctx"]


def _signed(shared: Shared) -> dict[str, str]:
    return {"Authorization": f"Bearer {shared.proxy.key}"}


def test_codex_is_pointed_at_the_proxy() -> None:
    (config,) = (tomllib.loads(block) for kind, block in SECTIONS["Codex"] if kind == "toml")
    provider = config["model_providers"][config["model_provider"]]
    assert (provider["wire_api"], provider["env_key"]) == ("responses", "LITELLM_MASTER_KEY")
    assert config["model"] == CONFIGS["Codex"]["model_list"][0]["model_name"] == SETUPS["Codex"].model


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    """A provider where the environment says, which LiteLLM and the OpenAI SDK read, and no callback but those of a block."""
    for name in ("callbacks", "input_callback", "success_callback", "failure_callback", "_async_success_callback"):
        monkeypatch.setattr(litellm, name, [])
    with Upstream(WINDOW) as upstream:
        for name, value in {"OPENAI_BASE_URL": upstream.url, "OPENAI_API_KEY": "none", "TOKEN_GUARD_STORE": "memory:"}.items():
            monkeypatch.setenv(name, value)
        yield upstream


def test_a_client_of_the_proxy_runs(plain_proxy: Shared, served: Upstream, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", plain_proxy.proxy.url)
    monkeypatch.setenv("OPENAI_API_KEY", plain_proxy.proxy.key)
    _run(PYTHON[0])
    assert capsys.readouterr().out.strip() == f"{REPLY} none"


def test_asynchronous_calls_run_without_a_proxy(served: Upstream, capsys: Any) -> None:
    _run(PYTHON[1])
    assert capsys.readouterr().out.strip() == REPLY
    assert len(served.requests) == 1


def test_a_synchronous_call_is_fitted_by_hand(served: Upstream, capsys: Any) -> None:
    _run(PYTHON[2])
    answer, before, after = re.fullmatch(r"(.*?) (\d+) -> (\d+)\n", capsys.readouterr().out).groups()  # type: ignore[union-attr]
    assert answer == REPLY
    assert count_prompt(served.requests[0]) <= 4_000 < int(before)
    assert int(after) <= 4_000
    assert "Entry 3: 111 euro" in json.dumps(served.requests[0])


def _run(block: str) -> None:
    exec(compile(block, "docs/quickstart.md", "exec"), {"__name__": "quickstart"})


def test_no_python_block_is_left_out() -> None:
    assert len(PYTHON) == 3
