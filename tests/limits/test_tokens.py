import pytest
from hypothesis import given
from hypothesis import strategies as st

from token_guard.limits.tokens import read_tokens


@pytest.mark.parametrize("value", [128_000, 128_000.0, "128000", "128_000", "128k", "128K", " 128k ", "0.128m"])
def test_one_number_may_be_written_in_many_ways(value: object) -> None:
    assert read_tokens(value) == 128_000


@pytest.mark.parametrize(
    "value",
    [0, -1, 0.5, True, None, [], {}, float("inf"), float("nan"), 10**400, "", "k", "12 8", "1e5", "-5", "0", "0x10", "128kb", "9" * 5_000],
)
def test_what_is_no_number_of_tokens_is_none(value: object) -> None:
    assert read_tokens(value) is None


@given(st.one_of(st.text(), st.integers(), st.floats(), st.binary(), st.lists(st.integers())))
def test_reading_never_raises_and_gives_at_least_one_token(value: object) -> None:
    tokens = read_tokens(value)
    assert tokens is None or tokens >= 1
