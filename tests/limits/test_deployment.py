from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from token_guard.budget import ContextLimit
from token_guard.limits import Deployment, LimitChain
from token_guard.limits.deployment import ModelInfo, claims_of
from token_guard.limits.inference import Inference
from token_guard.limits.litellm_map import LitellmMap

SOURCE = ModelInfo((LitellmMap(), Inference()))


def ask(model: str, **model_info: Any) -> ContextLimit | None:
    return SOURCE(model, Deployment(model_info=model_info))


@pytest.mark.parametrize("value", [9_000, 9_000.0, "9000", "9_000", "9k"])
def test_a_window_may_be_a_number_or_written(value: object) -> None:
    assert ask("azure/x", max_input_tokens=value) == ContextLimit(9_000, None, "deployment")


def test_the_section_of_the_guard_stands_above_litellms_own_keys() -> None:
    section = {"max_input_tokens": 1_000, "max_output_tokens": 100}
    assert ask("azure/x", max_input_tokens=9_000, max_output_tokens=900, token_guard=section) == ContextLimit(1_000, 100, "deployment")


def test_a_base_model_gives_its_own_window() -> None:
    assert ask("azure/my-deployment", base_model="azure/gpt-4o") == ContextLimit(128_000, 16_384, "deployment")


def test_a_retired_base_model_is_inferred() -> None:
    assert ask("azure/my-deployment", base_model="gpt-4-32k") == ContextLimit(32_768, 4_096, "deployment")


def test_a_separate_output_window_comes_with_the_base_model() -> None:
    limit = ask("azure/my-deployment", base_model="azure/gpt-5")
    assert limit
    assert limit.separate_output


def test_an_output_length_alone_is_put_beside_the_known_window() -> None:
    assert ask("gpt-4o", max_output_tokens=2_000) == ContextLimit(128_000, 2_000, "deployment")
    assert ask("acme", max_output_tokens=2_000) is None


@pytest.mark.parametrize("value", [None, 0, -5, "many", [], {}, True, float("nan"), object()])
def test_rubbish_counts_as_not_said(value: object) -> None:
    assert ask("azure/x", max_input_tokens=value, max_output_tokens=value, base_model=value, token_guard=value) is None


RUBBISH = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=5,
)
KEYS = st.sampled_from(["max_input_tokens", "max_output_tokens", "base_model", "token_guard"])
CHAIN = LimitChain(environ={})


@given(model=st.text(), group=st.text(), info=st.one_of(RUBBISH, st.dictionaries(KEYS, RUBBISH)))
def test_no_text_and_no_model_info_makes_resolving_raise(model: str, group: str, info: Any) -> None:
    deployment = Deployment(group=group, model_info=info)
    assert CHAIN.resolve(model, deployment).max_input_tokens >= 1
    assert CHAIN.explain(model, deployment)[-1].limit


@given(info=st.dictionaries(KEYS, RUBBISH))
def test_claims_can_be_remembered_by(info: dict[str, Any]) -> None:
    assert hash(claims_of(info)) == hash(claims_of(dict(info)))


@pytest.mark.parametrize(
    ("info", "why"),
    [
        ({"max_input_tokens": 5}, "model_info.max_input_tokens"),
        ({"token_guard": {"max_input_tokens": 5}}, "model_info.token_guard.max_input_tokens"),
        ({"base_model": "azure/gpt-4o"}, "model_info.base_model azure/gpt-4o"),
        ({"max_output_tokens": 5}, "model_info.max_output_tokens"),
        ({}, ""),
    ],
)
def test_the_key_is_given_as_the_reason(info: dict[str, Any], why: str) -> None:
    assert SOURCE.why("gpt-4o", Deployment(model_info=info)) == why
