"""What is kept of conversations is read with the operator's key alone, and only where it belongs."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet

from token_guard.errors import ConfigError
from token_guard.sessions import Sealing


def key() -> str:
    return Fernet.generate_key().decode()


@pytest.mark.parametrize("text", ["", "Hello", "half \ud83d of a pair", "🙂" * 10_000])
def test_any_text_comes_back(text: str) -> None:
    sealing = Sealing(key())
    assert sealing.open("a", sealing.seal("a", text)) == text


def test_another_key_another_name_and_an_altered_text_open_nothing() -> None:
    sealing = Sealing(key())
    sealed = sealing.seal("a", "Hello")
    assert Sealing(key()).open("a", sealed) is None
    assert sealing.open("b", sealed) is None
    assert sealing.open("a", sealed[:-4] + "AAA=") is None
    assert sealing.open("a", "") is None


def test_a_new_key_seals_while_the_old_one_still_opens() -> None:
    old, new = key(), key()
    sealed = Sealing(old).seal("a", "Hello")
    both = Sealing(f"{new}, {old}")
    assert both.open("a", sealed) == "Hello"
    assert Sealing(new).open("a", both.seal("a", "Hello")) == "Hello"


@pytest.mark.parametrize("keys", ["", " ", "secret-but-short", "secret-but-short," + "A" * 43 + "="])
def test_without_a_key_it_is_said_what_to_set_and_nothing_of_it(keys: str) -> None:
    with pytest.raises(ConfigError, match="TOKEN_GUARD_ENCRYPTION_KEY") as raised:
        Sealing(keys)
    assert "secret" not in str(raised.value)
