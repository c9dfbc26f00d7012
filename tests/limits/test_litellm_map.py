import subprocess
import sys
import types

import pytest

from token_guard.budget import ContextLimit
from token_guard.limits.litellm_map import CostMap, LitellmMap, has_separate_output, packaged_map

MAP = CostMap.build(
    {
        "gpt-4o": {"max_input_tokens": 128_000, "max_output_tokens": 16_384, "mode": "chat"},
        "azure/gpt-4o": {"max_input_tokens": 64_000, "mode": "chat"},
        "legacy": {"max_tokens": 4_096, "mode": "chat"},
        "empty": {"max_input_tokens": 0, "mode": "embedding"},
        "xai/grok-9": {"max_input_tokens": 500_000, "mode": "chat"},
        "host-a/Acme/acme-3": {"max_input_tokens": 32_000, "max_output_tokens": 8_000, "mode": "chat"},
        "host-b/acme-3": {"max_input_tokens": 32_000, "max_output_tokens": 4_000, "mode": "chat"},
        "host-c/acme-3": {"max_input_tokens": 99_000, "mode": "chat"},
        "host-a/fast": {"max_input_tokens": 32_000, "mode": "chat"},
    }
)


@pytest.mark.parametrize(
    ("model", "entry"),
    [
        ("gpt-4o", "gpt-4o"),
        ("GPT-4O", "gpt-4o"),
        ("azure/gpt-4o", "azure/gpt-4o"),
        ("azure/gpt-4o-2031-01-01", "azure/gpt-4o"),
        ("openrouter/openai/gpt-4o:free", "gpt-4o"),
        ("grok-9", "xai/grok-9"),
        ("ft:gpt-4o:acme::1", "gpt-4o"),
    ],
)
def test_the_nearest_entry_decides(model: str, entry: str) -> None:
    found = MAP.find(model)
    assert found
    assert found[0] == entry


@pytest.mark.parametrize("model", ["legacy", "empty", "my-gpt-4o-thing", "acme-3", "", "/", "azure/"])
def test_without_a_window_of_its_own_a_name_is_not_known(model: str) -> None:
    assert MAP.find(model) is None


def test_what_most_hosts_give_counts_with_the_smallest_reply() -> None:
    assert MAP.usual("somewhere/acme-3") == ContextLimit(32_000, 4_000, "inference")


def test_an_alias_without_a_digit_is_no_certain_model_name() -> None:
    assert MAP.usual("fast") is None


@pytest.mark.parametrize(
    ("model", "sizes", "separate"),
    [
        ("gpt-5", (272_000, 128_000), True),
        ("azure/eu/gpt-5.1", (272_000, 128_000), True),
        ("gpt-5.1-codex", (400_000, 128_000), False),
        ("gpt-5-chat", (128_000, 16_384), False),
        ("azure/gpt-5.4", (922_000, 128_000), True),
        ("gpt-5.4", (1_050_000, 128_000), False),
        ("vertex_ai/gemini-2.5-pro", (1_048_576, 65_535), True),
        ("gemini/gemini-2.5-flash-image", (32_768, 32_768), False),
        ("gemini/gemini-4-argon", (1_048_576, 1_048_576), False),
        ("github_copilot/gemini-3.7-flash", (200_000, 64_000), False),
        ("gpt-4o", (128_000, 16_384), False),
        ("claude-sonnet-4-5", (200_000, 64_000), False),
        ("acme", (272_000, 128_000), False),
        ("gpt-5", (272_000, None), False),
    ],
)
def test_only_certain_input_limits_stand_beside_the_output(model: str, sizes: tuple[int, int | None], separate: bool) -> None:
    assert has_separate_output(model, *sizes) is separate


def test_separate_entries_of_the_installed_map_are_openais_split_windows_and_geminis() -> None:
    separate = {(limit.max_input_tokens, limit.max_output_tokens) for _, limit in packaged_map().limits.values() if limit.separate_output}
    openai = {pair for pair in separate if pair[0] < 1_000_000}
    assert openai <= {(272_000, 128_000), (922_000, 128_000)}
    assert all(window in (1_048_576, 2_097_152) for window, _ in separate - openai)


def test_the_running_litellm_is_asked_for_names_that_the_file_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    live = {"gpt-4o": {"max_input_tokens": 1_000}, "brand-new": {"max_input_tokens": 7_000}, "odd": None}
    monkeypatch.setitem(sys.modules, "litellm", types.SimpleNamespace(model_cost=live))
    monkeypatch.setattr("token_guard.limits.litellm_map.packaged_map", lambda: MAP)
    source = LitellmMap()
    assert source("openai/brand-new", None) == ContextLimit(7_000, None, "litellm_map")
    assert source("gpt-4o", None) == ContextLimit(128_000, 16_384, "litellm_map")
    assert source("odd", None) is None


def test_litellm_is_not_imported() -> None:
    code = "import sys; from token_guard.limits import resolve; resolve('gpt-4o'); print('litellm' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout.strip() == "False"
