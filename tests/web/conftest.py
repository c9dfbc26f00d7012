"""One real proxy that has served a scripted load, and one browser."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import page_keys
import pytest
from build import agent, say
from page_keys import ADMIN, ANN, BOB

from token_guard.demo.proxy import Proxy
from token_guard.demo.stand_in import StandIn
from token_guard.demo.upstream import Upstream

WINDOW = 8_000
PRICE = 2.5e-6
"""Of a prompt token of the model that is compacted."""
PATIENCE_SECONDS = 60.0
LEVELS = {"green": 0.5, "amber": 0.8, "red": 0.95}
"""Sessions whose last request used so much of the window, by the colour that their bars have."""


@dataclass(frozen=True)
class World:
    proxy: Proxy
    upstream: StandIn
    store: Path
    revoked: Path

    @property
    def url(self) -> str:
        return self.proxy.url.replace("/v1", "/token-guard/")

    def ask(self, path: str, by: str = ADMIN, method: str = "GET", **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {by}"} if by else {}
        return httpx.request(method, self.url + path, headers=headers, trust_env=False, timeout=60, **options)

    def count(self, by: str = ANN, **body: Any) -> httpx.Response:
        return self.ask("count", by, "POST", json={"model": "chat", **body})

    def metrics(self) -> str:
        headers = {"Authorization": f"Bearer {ADMIN}"}
        return httpx.get(self.proxy.url.replace("/v1", "/metrics/"), headers=headers, trust_env=False, timeout=60).text

    def wait_for_answers(self, tokens: int) -> None:
        """Until answers for so many tokens of prompts have been looked at, which is done behind them."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.ask("overview").json()["prompt_tokens"] < tokens and time.monotonic() < deadline:
            time.sleep(0.1)

    def chat(self, session: str, messages: Any, key: str = ANN, **body: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key}", "x-token-guard-session": session}
        sent = {"model": "chat", "messages": messages, **body}
        return httpx.post(f"{self.proxy.url}/chat/completions", json=sent, headers=headers, trust_env=False, timeout=60)


def metric(text: str, name: str, **labels: str) -> float:
    """The sum of a metric's samples that have these labels."""
    lines = (line for line in text.splitlines() if re.match(rf"{name}[{{ ]", line))
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if all(label in line for label in wanted))


def words(tokens: int) -> str:
    """A text of so many tokens of gpt-4o."""
    return " a" * tokens


def config(upstream: StandIn) -> dict[str, Any]:
    models = {
        "chat": ("hosted_vllm/gpt-4o", {"id": "chat-1", "max_input_tokens": WINDOW, "input_cost_per_token": PRICE}),
        "mystery": ("hosted_vllm/nobody-knows", {"id": "mystery-1"}),
    }
    return {
        "model_list": [
            {"model_name": name, "litellm_params": {"model": model, "api_base": upstream.url, "api_key": "none"}, "model_info": info}
            for name, (model, info) in models.items()
        ],
        "litellm_settings": {"callbacks": ["prometheus", "token_guard.callback"]},
        "general_settings": {"custom_auth": "page_keys.check_key"},
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
    }


def load(world: World) -> None:
    messages = agent(25)
    for end in range(2, len(messages), 2):
        assert world.chat("long", messages[:end]).status_code == 200
    for level, share in LEVELS.items():
        told = [say("user", words(round(share * WINDOW)))]
        assert world.chat(level, told, max_tokens=50).status_code == 200
    assert world.chat("bobs", [say("user", "Hi")], BOB, model="mystery").status_code == 200
    refused = world.chat("refused", [say("system", words(2 * WINDOW)), say("user", "Hi")])
    assert refused.status_code == 400


def started(folder: Path, upstream: StandIn) -> Iterator[World]:
    """A proxy before an upstream, with a store of its own in a folder."""
    (folder / "revoked").write_text("", encoding="utf-8")
    environment = {
        "PYTHONPATH": os.pathsep.join(filter(None, (str(Path(__file__).parent), os.environ.get("PYTHONPATH")))),
        "TOKEN_GUARD_STORE": f"sqlite:///{folder}/store.db",
        page_keys.REVOKED: str(folder / "revoked"),
    }
    with Proxy(config(upstream), environment=environment) as proxy:
        yield World(proxy.wait(), upstream, folder / "store.db", folder / "revoked")


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with Upstream(WINDOW) as upstream:
        for found in started(tmp_path_factory.mktemp("page"), upstream):
            load(found)
            yield found
