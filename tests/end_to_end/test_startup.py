"""A proxy with a wrong configuration does not start, and the last line says why."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from token_guard.demo.proxy import Proxy

WRONG: dict[str, tuple[Any, str]] = {
    "an unknown key": ({"triger": 0.8}, "triger is not a setting; did you mean trigger?"),
    "a wrong type": ({"reserve_output": "much"}, "reserve_output: "),
    "a threshold above 1": ({"trigger": 1.5}, "trigger: Input should be less than or equal to 1"),
    "a target above the trigger": ({"trigger": 0.5, "target": 0.6}, "target (0.6) must be below trigger (0.5)"),
}


@pytest.fixture(scope="module")
def outputs() -> Iterator[dict[str, tuple[int, str]]]:
    """Exit status and output of one proxy for each wrong configuration, all started at once."""
    with ExitStack() as stack:
        proxies = {name: stack.enter_context(Proxy(_config(options))) for name, (options, _) in WRONG.items()}
        yield {name: (proxy.exit_status(), proxy.output) for name, proxy in proxies.items()}


def _config(options: Any) -> dict[str, Any]:
    return {
        "model_list": [{"model_name": "m", "litellm_params": {"model": "openai/m", "api_base": "http://127.0.0.1:9", "api_key": "none"}}],
        "litellm_settings": {"callbacks": ["token_guard.callback"]},
        "callback_settings": {"token_guard": options},
    }


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_configuration_stops_the_proxy_with_one_line(outputs, name):
    status, output = outputs[name]
    last = output.strip().splitlines()[-1]
    assert status != 0
    assert last.startswith("token_guard: ")
    assert WRONG[name][1] in last
    assert "Traceback" not in output


def test_a_proxy_starts_with_the_kill_switch_unquoted_old_names_and_limits_that_cannot_be_read(tmp_path):
    """YAML reads `off` as false."""
    (tmp_path / "limits.json").write_text('{"m": "many"}', encoding="utf-8")
    options = {"mode": False, "policy": "adaptive", "adaptive": False, "limits": {"files": [str(tmp_path / "limits.json"), "absent.json"]}}
    with Proxy(_config(options), environment={"MODEL_LIMIT_M": "many"}) as proxy:
        output = _once(proxy.wait(), "limits.json: m: 'many'")
    assert "policy: adaptive is an old name of policy: ahead" in output
    assert [words in output for words in ("MODEL_LIMIT_M='many'", "absent.json does not exist")] == [True, True]


def _once(proxy: Proxy, words: str, seconds: float = 20) -> str:
    """The output as soon as it has these words: some are said in the background."""
    deadline = time.monotonic() + seconds
    while words not in proxy.output and time.monotonic() < deadline:
        time.sleep(0.1)
    return proxy.output
