import logging

import pytest

from token_guard.limits import Deployment, LimitChain
from token_guard.limits.environment import Environment


@pytest.mark.parametrize("variable", ["MODEL_LIMIT_GPT4", "MODEL_LIMIT_GPT_4", "MODEL_LIMIT_OPENAI_GPT_4", "model_limit_gpt4"])
@pytest.mark.parametrize("model", ["gpt-4", "GPT-4", "openai/gpt-4"])
def test_case_signs_and_provider_prefix_make_no_difference(variable: str, model: str) -> None:
    limit = Environment.read({variable: "5000"})(model, None)
    assert limit
    assert (limit.max_input_tokens, limit.source) == (5_000, "environment")


def test_a_variable_with_a_provider_does_not_name_the_same_model_of_another() -> None:
    assert Environment.read({"MODEL_LIMIT_MISTRAL_LARGE": "5000"})("acme/large", None) is None


def test_a_variable_may_name_the_public_alias() -> None:
    source = Environment.read({"MODEL_LIMIT_FAST": "5000"})
    assert source("azure/prod-7", Deployment(group="fast")) is not None
    assert source("azure/prod-7", Deployment(group="slow")) is None


def test_the_full_name_decides_before_the_alias_and_the_bare_name() -> None:
    source = Environment.read({"MODEL_LIMIT_AZURE_GPT_4O": "1000", "MODEL_LIMIT_FAST": "2000", "MODEL_LIMIT_GPT_4O": "3000"})
    windows = [source(model, Deployment(group="fast")) for model in ("azure/gpt-4o", "openai/gpt-4o")]
    assert [window and window.max_input_tokens for window in windows] == [1_000, 2_000]


@pytest.mark.parametrize("value", ["", "many", "0", "-1", "nan"])
def test_a_bad_value_is_one_warning_that_names_the_variable_and_the_rest_goes_on(value: str, caplog: pytest.LogCaptureFixture) -> None:
    environ = {"MODEL_LIMIT_GPT4O": value, "MODEL_LIMIT_ACME_1": "5k"}
    with caplog.at_level(logging.WARNING, "token_guard"):
        chains = [LimitChain(environ=environ) for _ in range(2)]
        windows = [chain.resolve(model).max_input_tokens for chain in chains for model in ("acme-1", "gpt-4o")]
    assert windows == [5_000, 128_000] * 2
    [warning] = [record.getMessage() for record in caplog.records]
    assert warning.startswith(f"MODEL_LIMIT_GPT4O={value!r} is no context window; allowed: a whole number of tokens")


def test_of_two_variables_that_disagree_about_one_model_the_smaller_counts() -> None:
    source = Environment.read({"MODEL_LIMIT_GPT4": "1k", "MODEL_LIMIT_GPT_4": "2k"})
    limit = source("gpt-4", None)
    assert limit
    assert limit.max_input_tokens == 1_000
    assert "different limits" in "".join(source.said.complaints)


def test_a_variable_without_a_name_is_complained_about() -> None:
    assert "names no model" in "".join(Environment.read({"MODEL_LIMIT_": "1k"}).said.complaints)


def test_the_variable_is_named_as_the_reason() -> None:
    assert Environment.read({"MODEL_LIMIT_GPT_4": "1k"}).why("openai/gpt-4", None) == "MODEL_LIMIT_GPT_4"
