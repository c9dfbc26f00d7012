"""What an operator sees of a session through a real proxy: spans, spend log, log lines and metrics, from the same turns."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import litellm
import pytest
from build import agent
from caching_upstream import CachingUpstream
from conftest import with_this_folder
from spend_callback import ROW

from token_guard.demo.proxy import Proxy

pytest.importorskip("prometheus_client", reason="the extra `metrics` is not installed")
pytest.importorskip("opentelemetry.sdk", reason="opentelemetry-sdk is not installed")

HISTORY = agent(200)
ENDS = [place for place, message in enumerate(HISTORY) if message["role"] == "assistant"]
TURNS = (80, 82, 84, 120, 122)
"""Assistant messages that are answered: three turns of a compaction, and two of a later one."""
SECRET = HISTORY[3]["content"][:60]
PATIENCE_SECONDS = 60.0


@dataclass
class Seen:
    """What the turns left behind, and what the provider counted; the last turn after it had forgotten everything."""

    headers: list[Mapping[str, str]]
    usages: list[dict[str, int]]
    metrics: str
    output: str
    spans: list[dict[str, Any]]
    rows: list[dict[str, Any]]
    lines: list[dict[str, Any]]
    overview: dict[str, Any]

    def sample(self, name: str, **labels: str) -> float:
        told = re.findall(rf"^{name}(\{{.*\}})? (\S+)$", self.metrics, re.MULTILINE)
        wanted = {f'{label}="{value}"' for label, value in labels.items()}
        return sum(float(value) for found, value in told if wanted <= set(re.findall(r'\w+="[^"]*"', found)))


@pytest.fixture(scope="module", params=["false", "true"], ids=["otel", "otel v2"])
def seen(request: pytest.FixtureRequest) -> Seen:
    with ExitStack() as stack:
        upstream = stack.enter_context(CachingUpstream(16_000))
        environment = {"OTEL_EXPORTER": "console", "LITELLM_LOG": "INFO", "LITELLM_OTEL_V2": request.param, **with_this_folder()}
        proxy = stack.enter_context(Proxy(_config(upstream), environment=environment)).wait()
        headers = [_ask(proxy, turn, stream=turn == TURNS[1]) for turn in TURNS]
        upstream.forget()
        headers.append(_ask(proxy, TURNS[-1] + 2))
        _wait_for_rows(proxy, len(headers))
        answer = httpx.get(proxy.url.replace("/v1", "/metrics"), headers=_key(proxy), timeout=60, trust_env=False, follow_redirects=True)
        overview = httpx.get(proxy.url.replace("/v1", "/token-guard/overview"), headers=_key(proxy), timeout=60, trust_env=False).json()
        output = proxy.output
    told = [json.loads(line) for line in output.splitlines() if line.startswith('{"message"')]
    return Seen(
        headers,
        upstream.usages,
        answer.text,
        output,
        [span for span in _objects(output) if "parent_id" in span],
        [json.loads(line.removeprefix(ROW)) for line in output.splitlines() if line.startswith(ROW)],
        [line for line in told if line.get("component") == "token_guard"],
        overview,
    )


def _config(upstream: CachingUpstream) -> dict[str, Any]:
    deployment = {
        "model_name": "m",
        "litellm_params": {"model": "openai/gpt-4o", "api_base": upstream.url, "api_key": "none"},
        "model_info": {"id": "m", "max_input_tokens": 16_000},
    }
    callbacks = ["otel", "prometheus", "token_guard.callback", "spend_callback.callback"]
    return {"model_list": [deployment], "litellm_settings": {"callbacks": callbacks, "json_logs": True}}


def _key(proxy: Proxy) -> dict[str, str]:
    return {"Authorization": f"Bearer {proxy.key}"}


def _ask(proxy: Proxy, turn: int, *, stream: bool = False) -> Mapping[str, str]:
    body = {"model": "m", "messages": HISTORY[: ENDS[turn]], "stream": stream}
    answer = httpx.post(f"{proxy.url}/chat/completions", json=body, headers=_key(proxy), timeout=60, trust_env=False)
    assert answer.status_code == 200, answer.text
    _wait_for_rows(proxy, TURNS.index(turn) + 1 if turn in TURNS else 0)
    return answer.headers


def _wait_for_rows(proxy: Proxy, rows: int) -> None:
    """What is logged is logged behind the answer: a turn is over when its row is there, and spans a little later."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while proxy.output.count(ROW) < rows and time.monotonic() < deadline:
        time.sleep(0.2)
    if rows > len(TURNS):
        while proxy.output.count('"token_guard.action"') < rows and time.monotonic() < deadline:
            time.sleep(0.2)


def _objects(output: str) -> Iterator[dict[str, Any]]:
    """The JSON objects that begin a line of their own, as the console exporter writes spans."""
    decoder = json.JSONDecoder()
    for match in re.finditer(r"^\{\n", output, re.MULTILINE):
        try:
            yield decoder.raw_decode(output, match.start())[0]
        except json.JSONDecodeError:
            continue


def test_spans_tell_every_turn(seen: Seen) -> None:
    told = [span["attributes"] for span in seen.spans if "token_guard.action" in span["attributes"]]
    assert len(told) == len(seen.headers)
    assert all(each["gen_ai.conversation.compacted"] is True for each in told)
    assert len({each["gen_ai.conversation.id"] for each in told}) == 1
    forwarded = sorted(int(headers["x-token-guard-tokens-after"]) for headers in seen.headers)
    assert sorted(each["token_guard.tokens_after"] for each in told) == forwarded


def test_spans_tell_what_was_read_from_the_prompt_cache(seen: Seen) -> None:
    """On LiteLLM's own span where that tells it, on the request's where it does not: once a trace."""
    name = "gen_ai.usage.cache_read.input_tokens"
    read = {span["context"]["trace_id"]: span["attributes"][name] for span in seen.spans if span["attributes"].get(name)}
    assert sorted(read.values()) == sorted(usage["read"] for usage in seen.usages if usage["read"])


def test_the_spend_log_says_what_was_saved_in_truth(seen: Seen) -> None:
    rows = sorted(seen.rows, key=lambda row: row["compression_savings"]["tokens_before"])
    removed = [row["compression_savings"]["tokens_before"] - row["compression_savings"]["tokens_after"] for row in rows]
    counted = [row["counted"] for row in rows]
    # the first turn: nothing was cached; two of the same compaction: a tenth; a compaction; a turn on; the provider forgot
    assert counted[0] == removed[0]
    assert all(count == pytest.approx(0.1 * cut, abs=200) for count, cut in zip(counted[1:3], removed[1:3], strict=True))
    before, after = (rows[3]["compression_savings"][name] for name in ("tokens_before", "tokens_after"))
    assert counted[3] == pytest.approx(before - 0.9 * rows[2]["compression_savings"]["tokens_before"] - after, abs=1)
    assert counted[4] == pytest.approx(0.1 * removed[4], abs=200)
    assert counted[5] == removed[5]
    assert all(row["spend_logs_metadata"]["token_guard"]["tokens_saved_net"] == row["counted"] for row in rows)


def test_a_cache_that_collapsed_is_one_line_and_one_metric_with_its_cause(seen: Seen) -> None:
    alarms = [line["token_guard"]["cause"] for line in seen.lines if line.get("token_guard", {}).get("alarm") == "prompt_cache_collapsed"]
    assert alarms == ["guard", "provider"]
    for cause in alarms:
        assert seen.sample("token_guard_alarms_total", alarm="prompt_cache_collapsed", cause=cause) == 1


def test_each_turn_is_one_line_with_fields(seen: Seen) -> None:
    told = [line["token_guard"] for line in seen.lines if line["message"].startswith("compacted ")]
    assert [fields["tokens_after"] for fields in told] == [int(headers["x-token-guard-tokens-after"]) for headers in seen.headers]


def test_metrics_are_the_sums_of_the_turns(seen: Seen) -> None:
    assert seen.sample("token_guard_requests_total", model="gpt-4o", action="compacted") == len(seen.headers)
    assert seen.sample("token_guard_tokens_saved_total") == sum(row["counted"] for row in seen.rows)
    assert seen.sample("token_guard_prompt_tokens_total", kind="cache_read") == sum(usage["read"] for usage in seen.usages)
    assert seen.sample("token_guard_prompt_tokens_total") == sum(usage["prompt"] for usage in seen.usages)


def test_the_page_has_the_cache_and_the_savings_of_the_same_turns_in_money_too(seen: Seen) -> None:
    (model,) = seen.overview["models"]
    prompt, read = (sum(usage[name] for usage in seen.usages) for name in ("prompt", "read"))
    net = sum(row["counted"] for row in seen.rows)
    assert (seen.overview["prompt_tokens"], seen.overview["cache_read_tokens"], seen.overview["tokens_saved_net"]) == (prompt, read, net)
    assert seen.overview["cache_share"] == pytest.approx(read / prompt)
    assert seen.overview["money_saved"] == pytest.approx(net * litellm.model_cost["gpt-4o"]["input_cost_per_token"])
    assert net < seen.overview["tokens_saved"]  # what would have been read from a cache counts a tenth
    figures = ("prompt_tokens", "cache_read_tokens", "cache_share", "tokens_saved_net", "money_saved", "tokens_saved_unpriced")
    assert {name: model[name] for name in figures} == {name: seen.overview[name] for name in figures}


def test_no_line_and_no_metric_of_the_guards_holds_content(seen: Seen) -> None:
    assert SECRET not in seen.metrics
    assert not [line for line in seen.lines if SECRET in json.dumps(line)]
