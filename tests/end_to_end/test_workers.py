"""With two workers, metrics of many requests at once sum exactly, and no label has more values than it may."""

from __future__ import annotations

import os
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from build import agent, say

from token_guard.demo.proxy import Proxy
from token_guard.demo.upstream import Upstream
from token_guard.proxy.instruments import INSTRUMENTS

pytest.importorskip("prometheus_client", reason="the extra `metrics` is not installed")

REQUESTS = 5_000 if os.environ.get("ALL_REQUESTS") else 60
"""ALL_REQUESTS=1 sends a load."""

BODIES: list[list[Any]] = [
    [say("user", "Hello")],
    agent(60)[:-1],
    [say("system", "The rules of the house are these. " * 2_000), say("user", "Hello")],
]


def test_metrics_of_two_workers_sum_exactly(tmp_path: Path) -> None:
    with ExitStack() as stack:
        upstream = stack.enter_context(Upstream(100_000))
        proxy = stack.enter_context(Proxy(_config(upstream), environment={"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}, workers=2)).wait()
        client = stack.enter_context(
            httpx.Client(base_url=proxy.url, headers={"Authorization": f"Bearer {proxy.key}"}, timeout=120, trust_env=False)
        )
        pool = stack.enter_context(ThreadPoolExecutor(8))
        answers = list(pool.map(lambda number: _ask(client, number), range(REQUESTS)))
        scrapes = [client.get(proxy.url.replace("/v1", "/metrics"), follow_redirects=True).text for _ in range(4)]
    done = Counter(answer["x-token-guard-action"] for answer in answers)
    assert sum(done.values()) == REQUESTS
    assert len(done) == 3
    for text in scrapes:  # whichever worker answers
        for action, count in done.items():
            assert _sum(text, "token_guard_requests_total", action=action) == count
        removed = sum(int(each["x-token-guard-tokens-before"]) - int(each["x-token-guard-tokens-after"]) for each in _compacted(answers))
        assert _sum(text, "token_guard_tokens_removed_total") == removed
        assert _sum(text, "token_guard_overhead_seconds_count") == done["none"] + done["compacted"]
        assert _sum(text, "token_guard_compression_ratio_count") == done["compacted"]
        assert _sum(text, "token_guard_alarms_total", alarm="overflow_refused", cause="system") == done["rejected"]


def _compacted(answers: list[Any]) -> list[Any]:
    return [answer for answer in answers if answer["x-token-guard-action"] == "compacted"]


def _config(upstream: Upstream) -> dict[str, Any]:
    deployment = {
        "model_name": "m",
        "litellm_params": {"model": "openai/gpt-4o", "api_base": upstream.url, "api_key": "none"},
        "model_info": {"id": "m", "max_input_tokens": 8_000},
    }
    return {
        "model_list": [deployment],
        "litellm_settings": {"callbacks": ["prometheus", "token_guard.callback"]},
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
    }


def _ask(client: httpx.Client, number: int) -> Any:
    return client.post("/chat/completions", json={"model": "m", "messages": BODIES[number % len(BODIES)]}).headers


def _sum(text: str, name: str, **labels: str) -> float:
    assert name.removesuffix("_count") in {instrument.name for instrument in INSTRUMENTS.values()}
    wanted = {f'{label}="{value}"' for label, value in labels.items()}
    found = re.findall(rf"^{name}(\{{.*\}})? (\S+)$", text, re.MULTILINE)
    return sum(float(value) for told, value in found if wanted <= set(re.findall(r'\w+="[^"]*"', told)))
