from __future__ import annotations

import json
import logging
import threading
from typing import Any

import pytest

from token_guard.errors import ConfigError
from token_guard.limits import ORDER, Deployment, Learned, LimitChain
from token_guard.stores import MemoryStore, open_store

DEPLOYMENT = Deployment(id="d-1", group="main", model_info={"max_input_tokens": 64_000})
HOUR = 3_600.0


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def chain(store: Any = None, *, clock: Clock | None = None, ttl: float = 24 * HOUR, **options: Any) -> LimitChain:
    learned = Learned(store or MemoryStore(), ttl, clock or Clock())
    return LimitChain(environ={}, more=(learned,), **options)


def test_a_learned_window_smaller_than_the_configured_one_wins_at_once() -> None:
    limits = chain()
    assert limits.resolve("openai/x", DEPLOYMENT).max_input_tokens == 64_000
    limits.learn("openai/x", DEPLOYMENT, 16_000)
    assert (limits.resolve("openai/x", DEPLOYMENT).max_input_tokens, limits.resolve("openai/x", DEPLOYMENT).source) == (16_000, "learned")


def test_it_wins_over_the_environment_too() -> None:
    learned = Learned(MemoryStore(), 60, Clock())
    limits = LimitChain(environ={"MODEL_LIMIT_GPT_4O": "64k"}, more=(learned,))
    limits.learn("gpt-4o", None, 16_000)
    assert limits.resolve("gpt-4o").max_input_tokens == 16_000


def test_one_warning_names_both_windows(caplog: pytest.LogCaptureFixture) -> None:
    limits = chain()
    with caplog.at_level(logging.WARNING, "token_guard"):
        for _ in range(3):
            limits.learn("openai/x", DEPLOYMENT, 16_000)
            limits.resolve("openai/x", DEPLOYMENT)
    [record] = caplog.records
    assert all(part in record.getMessage() for part in ("openai/x", "16,000", "64,000", "deployment"))


def test_a_larger_learned_window_counts_in_its_place_of_the_order() -> None:
    limits = chain(models={"written-down": 8_000})
    for model in ("written-down", "nobody-knows"):
        limits.learn(model, None, 32_000)
    assert [limits.resolve(model).source for model in ("written-down", "nobody-knows")] == ["config_file", "learned"]


def test_deployments_learn_apart_and_a_model_without_one_by_its_name() -> None:
    limits = chain()
    limits.learn("openai/x", DEPLOYMENT, 16_000)
    other = Deployment(id="d-2", model_info={"max_input_tokens": 64_000})
    assert limits.resolve("openai/x", other).max_input_tokens == 64_000
    assert limits.resolve("openai/x").source == "default"


def test_a_learned_window_is_forgotten_after_its_time() -> None:
    clock = Clock()
    learned = Learned(MemoryStore(), 2 * HOUR, clock)
    learned.learn("x", None, 16_000)
    clock.now += 2 * HOUR - 1
    assert learned("x", None)
    clock.now += 1
    assert learned("x", None) is None


def test_one_that_no_provider_named_is_forgotten_within_an_hour() -> None:
    clock = Clock()
    learned = Learned(MemoryStore(), 24 * HOUR, clock)
    learned.learn("x", None, 16_000, named=False)
    clock.now += HOUR
    assert learned("x", None) is None


def test_one_that_no_provider_named_only_ever_shrinks_what_is_known() -> None:
    learned = Learned(MemoryStore(), HOUR, Clock())
    windows = []
    for window, named in ((20_000, False), (30_000, False), (10_000, False), (16_000, True), (18_000, False)):
        learned.learn("x", None, window, named=named)
        limit = learned("x", None)
        windows.append(limit and limit.max_input_tokens)
    assert windows == [20_000, 20_000, 10_000, 16_000, 16_000]


def test_only_what_no_provider_named_can_be_taken_back() -> None:
    limits = chain()
    limits.learn("named", None, 16_000)
    limits.learn("unnamed", None, 4_000, named=False)
    for model in ("named", "unnamed", "never-heard-of"):
        limits.forget_unnamed(model, None)
    assert [limits.resolve(model).source for model in ("named", "unnamed")] == ["learned", "default"]


def test_it_survives_a_restart(tmp_path: Any) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    store = open_store(url)
    Learned(store, HOUR).learn("x", DEPLOYMENT, 16_000)
    store.close()
    limit = Learned(open_store(url), HOUR)("x", DEPLOYMENT)
    assert limit
    assert limit.max_input_tokens == 16_000


@pytest.mark.parametrize(
    "text", ["", "16000", "[]", "{}", '{"max_input_tokens": -3, "at": 1, "named": true}', "\x00", json.dumps({"at": 1})]
)
def test_rubbish_in_the_store_is_not_known(text: str) -> None:
    store = MemoryStore()
    store.put("learned", "x", text)
    assert Learned(store, HOUR)("x", None) is None


def test_it_says_how_it_was_learned() -> None:
    limits = chain()
    limits.learn("a", None, 16_000)
    limits.learn("b", None, 16_000, named=False)
    notes = [next(answer.note for answer in limits.explain(model) if answer.source == "learned") for model in "abc"]
    assert [note.split(" ")[0] for note in notes] == ["named", "below", ""]


def test_learning_while_others_ask_leaves_no_stale_answer() -> None:
    limits = chain()
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            limits.resolve("openai/x", DEPLOYMENT)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for window in range(30_000, 20_000, -100):
            limits.learn("openai/x", DEPLOYMENT, window)
            assert limits.resolve("openai/x", DEPLOYMENT).max_input_tokens == window
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_the_order_of_sources_can_be_chosen() -> None:
    deployment = Deployment(model_info={"max_input_tokens": 3_000})
    turned = LimitChain(environ={"MODEL_LIMIT_GPT_4O": "1000"}, order=("litellm_map", "deployment", "environment"))
    assert turned.resolve("gpt-4o", deployment).source == "litellm_map"
    assert turned.resolve("acme", deployment).source == "deployment"
    assert [source.name for source in turned.sources] == ["litellm_map", "deployment", "environment", "default"]


def test_a_source_that_the_order_leaves_out_is_not_asked() -> None:
    limits = chain(order=("deployment",))
    limits.learn("x", DEPLOYMENT, 16_000)
    assert limits.resolve("x", DEPLOYMENT).max_input_tokens == 64_000


def test_a_name_in_the_order_that_is_no_source_is_refused_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match=r"limits\.order: 'enviroment'.*environment"):
        LimitChain(environ={}, order=("enviroment",))


def test_settings_have_the_same_order() -> None:
    from token_guard.settings import LimitSettings

    assert LimitSettings().order == ORDER
