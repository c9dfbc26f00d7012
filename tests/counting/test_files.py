from __future__ import annotations

import tracemalloc
from pathlib import Path

from counting_texts import generated, reference

from token_guard.counting.files import count_chunks, count_file


def test_a_file_counts_as_its_whole_text(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    text = "".join(generated(40_000, seed=6))
    path.write_text(text, encoding="utf-8", newline="")
    assert count_file(path, "gpt-4o") == reference("o200k_base")(text)


def test_bytes_that_are_no_utf8_count_as_replacement_characters(tmp_path: Path) -> None:
    path = tmp_path / "binary"
    path.write_bytes(b"abc \xff\xfe def")
    assert count_file(path, "gpt-4o") == reference("o200k_base")("abc \ufffd\ufffd def")


def test_a_surrogate_pair_may_be_torn_between_chunks() -> None:
    assert count_chunks(["a \ud83d", "\ude00 b"], "gpt-4o") == reference("o200k_base")("a \U0001f600 b")
    assert count_chunks(["a \ud83d"], "gpt-4o") == reference("o200k_base")("a \ufffd")


def test_nothing_counts_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert count_file(tmp_path / "empty", "gpt-4o") == count_chunks([], "gpt-4o") == 0


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "large.txt"
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"line {number} of a rather large file\n" for number in range(200_000))
    count_file(path, "gpt-4o")
    tracemalloc.start()
    count_file(path, "gpt-4o")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * 1024 * 1024
