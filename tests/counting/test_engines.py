from __future__ import annotations

import importlib.util
import logging
import subprocess
import sys

import pytest
from counting_texts import generated, records, reference, texts_of

from token_guard.counting import engines
from token_guard.counting.encodings import rank_file
from token_guard.counting.engines import SELF_TEST, TIKTOKEN_COUNTS, WORTH, Engine, engine_for, settle, total, warm_up

ENCODINGS = ("o200k_base", "cl100k_base")
CORPUS = ("tool_dialogues", "coding_agents", "agent_sessions", "anthropic_messages", "long_dialogues_qa", "multilingual")


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_engine_in_use_equals_tiktoken_on_generated_text(encoding: str) -> None:
    warm_up(encoding)
    count = engine_for(encoding).count
    assert [text for text in generated(40_000, seed=1) if count(text) != reference(encoding)(text)] == []


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", CORPUS)
def test_the_engine_in_use_equals_tiktoken_on_every_text_of_the_corpus(encoding: str, name: str) -> None:
    warm_up(encoding)
    engine = engine_for(encoding)
    texts = set(texts_of([record["messages"] for record in records(name)]))
    assert [text[:80] for text in texts if total(engine, (text,)) != reference(encoding)(text)] == []


def test_fastokens_is_used_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(engines._engines, "o200k_base", raising=False)  # who counted little before has loaded tiktoken alone
    installed = importlib.util.find_spec("fastokens") is not None
    assert warm_up("o200k_base") == ("fastokens" if installed else "tiktoken")


def test_an_engine_that_disagrees_is_not_used(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(engines, "_fastokens", lambda _encoding: Engine("wrong", len))
    monkeypatch.setitem(engines._engines, "o200k_base", engines._tiktoken("o200k_base"))
    with caplog.at_level(logging.WARNING, logger="token_guard"):
        engines._upgrade("o200k_base")
    assert engine_for("o200k_base").name == "tiktoken"
    assert "disagrees" in caplog.text


def test_an_engine_that_cannot_load_is_not_used(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def broken(_encoding: str) -> Engine:
        raise ImportError("no such wheel")

    monkeypatch.setattr(engines, "_fastokens", broken)
    monkeypatch.setitem(engines._engines, "o200k_base", engines._tiktoken("o200k_base"))
    with caplog.at_level(logging.WARNING, logger="token_guard"):
        engines._upgrade("o200k_base")
    assert engine_for("o200k_base").name == "tiktoken"
    assert "no such wheel" in caplog.text


def test_the_self_test_has_hostile_texts() -> None:
    assert any("<|endoftext|>" in text for text in SELF_TEST)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_counts_of_the_self_test_are_those_of_tiktoken(encoding: str) -> None:
    assert TIKTOKEN_COUNTS[encoding] == tuple(map(reference(encoding), SELF_TEST))


@pytest.mark.parametrize(("characters", "fast"), [(WORTH - 1, False), (WORTH, True)])
def test_who_counts_once_loads_one_engine(characters: int, fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "_engines", {})
    monkeypatch.setattr(engines, "_upgrades", {})
    settle("o200k_base", characters)
    installed = importlib.util.find_spec("fastokens") is not None
    assert engine_for("o200k_base").name == ("fastokens" if fast and installed else "tiktoken")
    assert engines._upgrades == {}


@pytest.mark.parametrize(
    ("text", "tokens"),
    [(" " * 10**6, 7_813), (" " * 10**6 + "x", 7_814), ("\t" * 10**6, 62_500), ("a" * 10**6, 125_000), ("😀" * 10**6, 1_000_000)],
    ids=["spaces", "spaces and a letter", "tabs", "letters", "emoji"],
)
def test_a_million_of_one_character_counts_right(text: str, tokens: int) -> None:
    assert total(engine_for("o200k_base"), (text,)) == tokens


def test_importing_the_package_loads_no_engine() -> None:
    code = "import sys, token_guard.counting; sys.exit(any(name in sys.modules for name in ('tiktoken', 'fastokens', 'litellm')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_loading_an_engine_neither_imports_litellm_nor_changes_the_environment() -> None:
    code = (
        "import os, sys; before = dict(os.environ); from token_guard.counting import TokenCounter; TokenCounter().count_tokens('x');"
        "sys.exit('litellm' in sys.modules or before != dict(os.environ))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_rank_files_are_those_of_litellm() -> None:
    assert "litellm" in rank_file("cl100k_base").parts


@pytest.mark.skipif(importlib.util.find_spec("fastokens") is None, reason="needs fastokens, the extra fast")
def test_a_process_that_ends_waits_for_an_engine_that_loads_whoever_asked_first() -> None:
    """A daemon's threads are daemons unless they are told otherwise, and one that is cut off in native code aborts the process."""
    code = (
        "import threading; from token_guard.counting.engines import engine_for\n"
        "asks = threading.Thread(target=engine_for, args=('o200k_base',), daemon=True); asks.start(); asks.join()\n"
        "print([thread.daemon for thread in threading.enumerate() if thread.name.startswith('load fastokens')])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[False]\n", "")
