import pytest

from token_guard.errors import ConfigError
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
def test_a_bad_value_stops_the_construction_and_names_the_variable(value: str) -> None:
    with pytest.raises(ConfigError, match=r"MODEL_LIMIT_GPT4.*allowed"):
        LimitChain(environ={"MODEL_LIMIT_GPT4": value})


def test_two_variables_that_disagree_about_one_model_are_refused() -> None:
    with pytest.raises(ConfigError, match="different limits"):
        Environment.read({"MODEL_LIMIT_GPT4": "1k", "MODEL_LIMIT_GPT_4": "2k"})


def test_a_variable_without_a_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="names no model"):
        Environment.read({"MODEL_LIMIT_": "1k"})


def test_the_variable_is_named_as_the_reason() -> None:
    assert Environment.read({"MODEL_LIMIT_GPT_4": "1k"}).why("openai/gpt-4", None) == "MODEL_LIMIT_GPT_4"
