from __future__ import annotations

import random
import string

import pytest
from counting_texts import generated, records, reference, texts_of

from token_guard.counting.slices import repaired, signed, slices

ENCODINGS = ("o200k_base", "cl100k_base")


def sliced(encoding: str, text: str, size: int) -> int:
    return sum(map(signed(reference(encoding)), slices((text,), size)))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_slices_of_generated_text_count_as_the_whole(encoding: str) -> None:
    for text in generated(150, seed=3, most=400):
        assert sliced(encoding, text, 256) == reference(encoding)(text)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", ["multilingual", "tool_dialogues"])
def test_slices_of_real_text_count_as_the_whole(encoding: str, name: str) -> None:
    whole = "\n".join(texts_of([record["messages"] for record in records(name)]))[:1_500_000]
    assert sliced(encoding, whole, 2_048) == reference(encoding)(whole)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(
    "alphabet",
    [
        string.ascii_lowercase,
        string.ascii_letters,
        "gq",
        "abc",
        "=",
        "\u4e00\u4e8c\u4e09\u56db\u4e94",
        "😀👍",
        "\n/",
        "[]{}",
        string.digits,
    ],
)
def test_a_run_without_a_place_to_cut_counts_as_the_whole(encoding: str, alphabet: str) -> None:
    run = "".join(random.Random(5).choices(alphabet, k=60_000))
    assert sliced(encoding, run, 16_384) == reference(encoding)(run)


def test_chunks_do_not_matter() -> None:
    text = "".join(generated(3_000, seed=4))
    chunks = [text[place : place + 777] for place in range(0, len(text), 777)]
    assert sum(map(signed(reference("o200k_base")), slices(chunks))) == reference("o200k_base")(text)


def test_no_slice_is_longer_than_asked() -> None:
    text = "x" * 100_000 + "word " * 20_000
    assert max(len(piece.text) for piece in slices((text,), 4_096)) <= 4_096


def test_nothing_to_slice_gives_no_slice() -> None:
    assert not list(slices(("", "")))


def test_lone_surrogates_become_replacement_characters() -> None:
    assert repaired("\ud800 \udc00 \U0001f600") == "\ufffd \ufffd \U0001f600"
