import logging

import pytest

from token_guard.budget import ContextLimit
from token_guard.errors import ConfigError
from token_guard.limits import Deployment, LimitChain, resolve

ORDER = ["environment", "config_file", "deployment", "litellm_map", "inference", "default"]


def test_the_sources_are_asked_in_their_order() -> None:
    assert [source.name for source in LimitChain(environ={}).sources] == ORDER


def test_the_first_source_that_knows_a_model_decides() -> None:
    deployment = Deployment(model_info={"max_input_tokens": 3_000})
    environ, models = {"MODEL_LIMIT_GPT_4O": "1000"}, {"gpt-4o": 2_000}
    chains = [LimitChain(environ=environ, models=models), LimitChain(environ={}, models=models), LimitChain(environ={})]
    limits = [chain.resolve("gpt-4o", deployment) for chain in chains] + [chains[-1].resolve("gpt-4o")]
    assert [(limit.source, limit.max_input_tokens) for limit in limits] == list(zip(ORDER, (1_000, 2_000, 3_000, 128_000), strict=False))


def test_each_limit_names_its_source() -> None:
    chain = LimitChain(environ={"MODEL_LIMIT_GPT_4O": "1k"}, models={"gpt-4o": 5})
    for answer in chain.explain("gpt-4o", Deployment(model_info={"max_input_tokens": 9})):
        assert answer.limit
        assert answer.limit.source == answer.source


def test_explaining_asks_every_source() -> None:
    answers = LimitChain(environ={}).explain("gpt-4-32k")
    assert [answer.source for answer in answers] == ORDER
    assert [answer.source for answer in answers if answer.limit] == ["inference", "default"]
    assert all(bool(answer.note) == bool(answer.limit) for answer in answers)


def test_a_window_without_a_reply_length_takes_the_next_known_one_that_fits() -> None:
    chain = LimitChain(environ={"MODEL_LIMIT_GPT_4O": "64k", "MODEL_LIMIT_GPT_4O_MINI": "10k"})
    assert chain.resolve("gpt-4o") == ContextLimit(64_000, 16_384, "environment")
    assert chain.resolve("gpt-4o-mini") == ContextLimit(10_000, None, "environment")


def test_two_deployments_of_one_model_have_windows_of_their_own() -> None:
    chain = LimitChain(environ={})
    deployments = [Deployment(id=name, model_info={"max_input_tokens": size}) for name, size in (("a", 1_000), ("b", 2_000))]
    assert [chain.resolve("openai/gpt-4o", deployment).max_input_tokens for deployment in deployments] == [1_000, 2_000]


def test_a_changed_model_info_counts_at_once() -> None:
    chain = LimitChain(environ={})
    limits = [chain.resolve("azure/x", Deployment(id="a", model_info={"max_input_tokens": size})) for size in (1_000, 2_000)]
    assert [limit.max_input_tokens for limit in limits] == [1_000, 2_000]


def test_an_answer_is_kept_until_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    now, asked = [0.0], list[str]()
    chain = LimitChain(environ={}, clock=lambda: now[0])
    ask = chain._ask
    monkeypatch.setattr(chain, "_ask", lambda model, deployment: (asked.append(model), ask(model, deployment))[1])
    first = chain.resolve("acme")
    assert chain.resolve("acme") is first
    assert asked == ["acme"]
    now[0] += 60
    assert chain.resolve("acme") is first, "what was decided by it holds as long as it says the same"
    assert asked == ["acme", "acme"]
    monkeypatch.setattr(chain, "_ask", lambda *_: ContextLimit(9_000))
    now[0] += 60
    assert chain.resolve("acme").max_input_tokens == 9_000


def test_an_unknown_model_gets_the_default_and_one_warning_that_says_how_to_set_it(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    chain = LimitChain(default=5_000, environ={}, clock=lambda: now[0])
    with caplog.at_level(logging.WARNING, "token_guard"):
        for _ in range(3):
            assert chain.resolve("acme/Frob-1") == ContextLimit(5_000, None, "default")
            now[0] += 60
    [record] = caplog.records
    for part in ("acme/Frob-1", "5,000", "MODEL_LIMIT_ACME_FROB_1", "model_info: {max_input_tokens: <tokens>}", "limit file"):
        assert part in record.getMessage()


def test_the_warning_names_the_deployment(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "token_guard"):
        LimitChain(environ={}).resolve("azure/prod-7", Deployment(group="fast"))
    assert "'azure/prod-7', served as 'fast'," in caplog.text
    assert "base_model" in caplog.text


def test_a_model_info_that_cannot_be_read_is_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    chain = LimitChain(environ={})
    with caplog.at_level(logging.WARNING, "token_guard"):
        for _ in range(2):
            assert chain.resolve("gpt-4o", Deployment(id="a", model_info={"max_input_tokens": "plenty"})).max_input_tokens == 128_000
    assert [record.getMessage().partition(";")[0] for record in caplog.records] == [
        "model_info.max_input_tokens of gpt-4o: 'plenty' is no number of tokens"
    ]


def test_looking_up_is_resolving_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "token_guard"):
        assert LimitChain(environ={"MODEL_LIMIT_X": "plenty"}).look_up("acme/unknown") == ContextLimit(8_192, None, "default")
    assert caplog.records == []


def test_the_variable_that_the_warning_names_works(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "token_guard"):
        LimitChain(environ={}).resolve("acme/Frob-1.5:beta")
    variable = next(word for word in caplog.text.split() if word.startswith("MODEL_LIMIT_")).partition("=")[0]
    assert LimitChain(environ={variable: "7k"}).resolve("acme/Frob-1.5:beta").max_input_tokens == 7_000


def test_a_default_that_is_no_number_of_tokens_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"limits\.default"):
        LimitChain(default=0, environ={})


def test_garbage_names_are_remembered_within_bounds() -> None:
    chain = LimitChain(environ={})
    for number in range(10_000):
        chain.resolve(f"gpt-4o-{number}")
    assert len(chain._answers) <= 4_096
    assert chain.resolve("/" * 1_000_000 + "x" * 1_000_000).source == "default"


def test_the_process_environment_counts_for_resolve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_LIMIT_GPT_4O", "5k")
    assert resolve("gpt-4o").max_input_tokens == 5_000
    monkeypatch.delenv("MODEL_LIMIT_GPT_4O")
    assert resolve("gpt-4o").max_input_tokens == 128_000
