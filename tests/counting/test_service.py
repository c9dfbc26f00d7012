from __future__ import annotations

import io
import os
import threading
import time
from pathlib import Path

import pytest
from counting_texts import generated, reference

from token_guard.commands.readings import reading
from token_guard.conversation import Conversation, Media, Message, Text
from token_guard.counting import meter_for, streams
from token_guard.counting.references import Counted, Data, Failed, File, Piped, Request, Words, batches
from token_guard.counting.references import files as files_module
from token_guard.counting.service import CountingService
from token_guard.errors import ModelNotSupportedError, TokenCountError
from token_guard.stores import MemoryStore

REQUEST = '{"model": "gpt-4", "messages": [{"role": "user", "content": "Where is {{city}}?"}]}'


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that were written a moment ago count as settled, so that no test has to wait for the clock of the file system."""
    monkeypatch.setattr(files_module, "_TICK_NS", -(10**12))
    monkeypatch.setattr(files_module, "_COARSE_TICK_NS", -(10**12))


def test_a_text_is_counted_once_for_each_tokenizer() -> None:
    service = CountingService()
    first, again, other = service.count(Words("a b c")), service.count(Words("a b c")), service.count(Words("a b c"), "gpt-4")
    assert [one.cached for one in (first, again, other)] == [False, True, False]
    assert service.use == (1, 2)
    assert first.tokens == reference("o200k_base")("a b c")


def test_counts_survive_in_a_store() -> None:
    store = MemoryStore()
    CountingService(store).count(Words("a b c"))
    service = CountingService(store)
    assert service.count(Words("a b c")).cached
    assert service.use == (1, 0)


def test_a_damaged_count_in_the_store_is_counted_anew() -> None:
    store = MemoryStore()
    tokens = CountingService(store).count(Words("a b c")).tokens
    (key,) = store.keys("service")
    store.put("service", key, "rubbish")
    assert CountingService(store).count(Words("a b c")).tokens == tokens


def test_a_template_tells_raw_and_resolved() -> None:
    counted = CountingService().count(Words("From {{city}} to {other}"), variables={"city": "Llanfairpwllgwyngyll"})
    count = reference("o200k_base")
    assert (counted.raw, counted.tokens) == (count("From {{city}} to {other}"), count("From Llanfairpwllgwyngyll to {other}"))


def test_a_changed_variable_is_counted_anew_and_one_that_is_not_named_changes_nothing() -> None:
    service = CountingService()
    counts = [
        service.count(Words("Hello {{who}}"), variables=values).cached
        for values in ({"who": "Ann"}, {"who": "Bob"}, {"who": "Ann", "x": "1"})
    ]
    assert counts == [False, False, True]


def test_a_text_without_variables_has_no_raw_count() -> None:
    assert CountingService().count(Words("plain"), variables={"who": "Ann"}).raw is None


def test_a_request_counts_as_its_own_model_counts_with_a_split() -> None:
    counted = CountingService(reader=reading).count(Words(REQUEST), variables={"city": "Oslo"})
    conversation = reading(REQUEST.replace("{{city}}", "Oslo")).conversation
    assert conversation is not None
    assert (counted.model, counted.tokens) == ("gpt-4", meter_for("gpt-4").measure(conversation).tokens)
    assert counted.raw == meter_for("gpt-4").measure(reading(REQUEST).conversation).tokens  # type: ignore[arg-type]
    assert sum(counted.split.values()) == counted.tokens


def test_a_request_is_kept_like_a_text() -> None:
    store = MemoryStore()
    first = CountingService(store, reader=reading).count(Words(REQUEST))
    again = CountingService(store, reader=reading).count(Words(REQUEST))
    assert (again.cached, again.split, again.tokens) == (True, first.split, first.tokens)


def test_a_parsed_request_counts() -> None:
    conversation = Conversation("gpt-4o", (Message("user", (Text("Hi"),)),))
    assert CountingService().count(Request(conversation)).tokens == meter_for("gpt-4o").measure(conversation).tokens


def test_data_in_a_part_counts_by_its_kind() -> None:
    service = CountingService()
    image = Media("image", "https://example.com/a.png", detail="low")
    assert service.count(Data(image)).tokens == meter_for("gpt-4o").media(image)
    assert service.count(Data(Media("file", "data:text/plain;base64,SGVsbG8gd29ybGQ="))).tokens == 2


@pytest.mark.parametrize("model", ["", "  "])
def test_a_name_that_cannot_be_a_models_is_a_typed_error(model: str) -> None:
    with pytest.raises(ModelNotSupportedError, match="the model name is empty"):
        CountingService().count(Words("a"), model)


def test_a_file_that_cannot_be_read_is_a_typed_error(tmp_path: Path) -> None:
    with pytest.raises(TokenCountError, match="No such file or directory"):
        CountingService().count(File(str(tmp_path / "absent")))


def test_an_unchanged_file_is_not_read_again(tmp_path: Path, settled: None, monkeypatch: pytest.MonkeyPatch) -> None:
    path, store = tmp_path / "a.txt", MemoryStore()
    path.write_text("some words", encoding="utf-8")
    before = CountingService(store).count(File(str(path)))
    monkeypatch.setattr("builtins.open", lambda *_: pytest.fail("the file was opened"))
    after = CountingService(store).count(File(str(path)))
    assert (before.cached, after.cached, before.tokens) == (False, True, after.tokens)


def test_a_changed_file_is_counted_anew(tmp_path: Path, settled: None) -> None:
    path, store = tmp_path / "a.txt", MemoryStore()
    path.write_text("some words", encoding="utf-8")
    CountingService(store).count(File(str(path)))
    path.write_text("five words", encoding="utf-8")  # of the same size
    os.utime(path, ns=(1, 1))
    counted = CountingService(store).count(File(str(path)))
    assert (counted.cached, counted.tokens) == (False, reference("o200k_base")("five words"))


def test_a_file_written_in_the_tick_in_which_it_was_read_is_not_trusted(tmp_path: Path) -> None:
    path, store = tmp_path / "a.txt", MemoryStore()
    path.write_text("some words", encoding="utf-8")
    os.utime(path, ns=(time.time_ns() + 10**12,) * 2)
    CountingService(store).count(File(str(path)))
    assert store.keys("folders") == ()


def test_files_are_kept_apart_by_model_and_variables(tmp_path: Path, settled: None) -> None:
    path, store = tmp_path / "a.txt", MemoryStore()
    path.write_text("Hello {{who}}", encoding="utf-8")
    service = CountingService(store)
    asked = [("gpt-4o", {}), ("gpt-4", {}), ("gpt-4o", {"who": "Ann Smith"}), ("gpt-4o", {"who": "Bob"})]
    first = [service.count(File(str(path)), model, values) for model, values in asked]
    again = [CountingService(store).count(File(str(path)), model, values) for model, values in asked]
    assert [one.cached for one in first + again] == [False] * 4 + [True] * 4
    assert [(one.tokens, one.raw) for one in first] == [(one.tokens, one.raw) for one in again]


def test_many_files_come_back_in_their_order_and_failures_with_their_reasons(tmp_path: Path) -> None:
    paths = []
    for number in range(100):
        path = tmp_path / f"folder{number % 3}" / f"{number}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text("word " * number, encoding="utf-8")
        paths.append(str(path))
    (tmp_path / "image").write_bytes(b"\x89PNG\x00")
    wanted = [File(paths[0]), File(str(tmp_path / "image"), found=True), *map(File, paths[1:]), File("absent"), Words("x")]
    results = CountingService(threads=2).count_all(wanted)
    counted = [one.tokens for one in results if isinstance(one, Counted)]
    assert counted == [reference("o200k_base")("word " * number) for number in range(100)] + [1]
    assert [one for one in results if isinstance(one, Failed)] == [
        Failed(str(tmp_path / "image"), "not text: a NUL byte (byte 4)", skipped=True),
        Failed("absent", "No such file or directory"),
    ]


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files count as they are read from 100,000 bytes on, in blocks of two slices."""
    monkeypatch.setattr(batches, "STREAMED", 100_000)
    monkeypatch.setattr(streams, "BLOCK", 131_072)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_large_file_is_the_sum_of_tiktoken_on_its_parts(tmp_path: Path, small_blocks: None, threads: int) -> None:
    path, store = tmp_path / "large.log", MemoryStore()
    text = "".join(generated(15_000, seed=11)).replace("\0", "")
    path.write_text(text, encoding="utf-8", newline="")
    counted = CountingService(store, threads=threads).count(File(str(path)))
    assert counted.tokens == reference("o200k_base")(text)
    os.utime(path, ns=(5, 5))  # another identity, the same content
    again = CountingService(store).count(File(str(path)))
    assert (again.cached, again.tokens) == (True, counted.tokens)


def test_a_pipe_of_any_length_counts_as_its_text(small_blocks: None) -> None:
    text = "a line of a log with number 12345\n" * 9_000
    assert CountingService(threads=2).count(Piped(io.BytesIO(text.encode()))).tokens == reference("o200k_base")(text)
    assert CountingService().count(Piped(io.BytesIO(b"short"))).tokens == 1


def test_what_is_too_slow_to_count_by_a_models_own_vocabulary_is_estimated(
    tmp_path: Path, small_blocks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ctok", reason="needs the extra claude")
    monkeypatch.setattr(batches, "PATIENCE_SECONDS", 0.1)
    (tmp_path / "large.log").write_text("a line of a log\n" * 9_000, encoding="utf-8")
    counted = CountingService().count(File(str(tmp_path / "large.log")), "claude-sonnet-4-5")
    assert counted.margin > 0
    assert counted.note == "too large for the model's own vocabulary: estimated"


def test_bytes_beyond_the_head_that_are_no_utf8_are_counted_with_a_note(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"word " * 4_000 + b"\xff")
    counted = CountingService().count(File(str(path)))
    assert counted.tokens == reference("o200k_base")("word " * 4_000 + "\ufffd")
    assert counted.note == "bytes that are no UTF-8 count as U+FFFD"


def test_an_interruption_ends_the_threads_and_keeps_what_was_counted(tmp_path: Path, settled: None) -> None:
    for number in range(200):
        (tmp_path / f"{number}.txt").write_text(f"number {number}", encoding="utf-8")
    store, seen, before = MemoryStore(), [], set(threading.enumerate())

    def interrupt(size: int) -> None:
        seen.append(size)
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt

    service = CountingService(store, threads=2)
    (tmp_path / "large.log").write_text("a large log\n" * 800_000, encoding="utf-8")
    files = [File(str(path)) for path in sorted(tmp_path.iterdir())]
    with pytest.raises(KeyboardInterrupt):
        service.count_all(files, done=interrupt)
    assert set(threading.enumerate()) <= before
    assert len(seen) <= 201
