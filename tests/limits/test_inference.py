import pytest

from token_guard.budget import ContextLimit
from token_guard.limits.families import FAMILIES
from token_guard.limits.inference import Inference, size_in_name
from token_guard.limits.names import family_forms

INFER = Inference()


@pytest.mark.parametrize(
    ("name", "tokens"),
    [
        ("acme-8k", 8_192),
        ("acme-32k-instruct", 32_768),
        ("acme-64k", 65_536),
        ("acme-128k", 128_000),
        ("acme-200k", 200_000),
        ("acme-1048k", 1_048_000),
        ("acme-1m", 1_000_000),
        ("acme-7b", None),
        ("acme-135m", None),
        ("acme-q4-k-m", None),
        ("acme-0k", None),
        ("acme-14k2", None),
    ],
)
def test_a_size_in_the_name_is_read_and_never_exaggerated(name: str, tokens: int | None) -> None:
    assert size_in_name(name) == tokens


def test_a_size_in_the_name_decides_before_the_family() -> None:
    assert INFER("01-ai/Yi-34B-200K", None) == ContextLimit(200_000, None, "inference")


def test_the_longest_family_prefix_decides() -> None:
    assert INFER("claude-3-5-sonnet-20241022", None) == ContextLimit(200_000, 8_192, "inference")
    assert INFER("claude-3-opus-20240229", None) == ContextLimit(200_000, 4_096, "inference")


def test_a_family_ends_at_a_dash() -> None:
    assert INFER("gpt-45", None) is None


@pytest.mark.parametrize("key", FAMILIES)
def test_every_family_is_written_as_names_are_read(key: str) -> None:
    assert key in family_forms(key)


@pytest.mark.parametrize("family", FAMILIES.values(), ids=list(FAMILIES))
def test_every_family_has_a_sane_window(family: tuple[int, int | None, bool]) -> None:
    window, output, separate = family
    assert 1_000 <= window <= 10_000_000
    assert output is None or 1_000 <= output <= window
    assert not separate or output


def test_the_rule_is_given_as_the_reason() -> None:
    assert [INFER.why(name, None) for name in ("gpt-4-32k", "claude-3-opus-x", "acme")] == ["size in the name", "family claude-3", ""]
