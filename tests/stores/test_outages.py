"""A store whose server dies, hangs, has no room or may not write: no call fails or waits, one warning, and it goes on by itself."""

from __future__ import annotations

import logging
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from store_servers import SERVERS, Server
from stores.test_stores import until

from token_guard.errors import StoreUnavailableError
from token_guard.stores import Page, SessionChange, SharedStore, Store, open_store

NOW = 1e9


def note(store: Store, number: int = 1) -> None:
    store.note(SessionChange("s", NOW, 1e10, {"owner": "o"}, {"requests": number}))


def warnings(caplog: pytest.LogCaptureFixture, words: str) -> int:
    return sum(words in record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING)


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> Server:
    with SERVERS[request.param]() as server:
        yield server


def test_a_server_that_is_killed_under_load_costs_no_call_and_no_record(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    seen: Counter[str] = Counter()
    store = open_store(server.url, observe=lambda what, number: seen.update({what: number or 1}))
    for number in range(400):
        note(store)
        store.put("limits", str(number % 7), str(number))
        assert store.get("limits", str(number % 7)) == str(number)
        if number == 100:
            server.kill()
            assert until(lambda: warnings(caplog, "does not answer") == 1)
            assert store.claim("texts", "a", "first") == store.claim("texts", "a", "second") == "first"
            with pytest.raises(StoreUnavailableError):
                store.sessions(Page())
        if number == 300:
            server.start()
    assert until(store.flush)
    assert store.session("s").counts["requests"] == 400
    assert until(lambda: warnings(caplog, "answers again") == 1)
    assert warnings(caplog, "does not answer") == 1
    assert seen["errors"] >= 1
    assert seen["dropped"] == 0
    store.close()
    again = open_store(server.url)
    assert {again.get("limits", str(number)) for number in range(7)} == set(map(str, range(393, 400)))
    assert again.get("texts", "a") == "first"
    again.close()


def test_a_server_that_hangs_keeps_nobody_waiting(server: Server) -> None:
    store = open_store(server.url)
    store.put("limits", "a", "1")
    assert store.flush()
    server.signal(signal.SIGSTOP)
    try:
        for number in range(50):
            note(store)
            store.put("limits", str(number), "x")
        started = time.monotonic()
        assert [store.claim("texts", "a", str(number)) for number in range(20)] == ["0"] * 20
        waited = time.monotonic() - started
        assert store.get("limits", "a") == "1"
    finally:
        server.signal(signal.SIGCONT)
    assert until(store.flush)
    assert store.session("s").counts["requests"] == 50
    store.close()
    # nothing here measures speed: twenty claims that each waited would take twenty seconds
    assert waited < 10


def test_a_server_that_is_not_there_yet_is_found_when_it_comes(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    server.kill()
    store = open_store(server.url)
    note(store, 5)
    store.put("limits", "a", "1")
    assert store.get("limits", "a") == "1"
    assert warnings(caplog, "does not answer") == 1
    server.start()
    assert until(store.flush, 60)
    assert store.session("s").counts["requests"] == 5
    store.close()


def test_no_password_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("redis")
    store = open_store("redis://me:secret@127.0.0.1:1/0")
    assert warnings(caplog, "127.0.0.1:1/0") == 1
    assert "secret" not in caplog.text
    store.close()


def test_of_what_waits_too_long_the_oldest_is_dropped_and_counted() -> None:
    pytest.importorskip("redis")
    dropped: Counter[str] = Counter()
    store = open_store("redis://127.0.0.1:1/0", observe=lambda what, number: dropped.update({what: number}))
    for number in range(10_250):
        store.put("limits", str(number), "x")
    assert dropped["dropped"] == 250
    assert store.get("limits", "10249") == "x"
    store.close()


# -- files -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("broken", ["directory", "rubbish"])
def test_a_file_that_fails_is_replaced_by_memory(broken: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "facts.db"
    path.mkdir() if broken == "directory" else path.write_bytes(b"this is no database" * 100)
    store = open_store(f"sqlite:///{path}")
    for _ in range(3):
        store.put("counts", "a", "7")
        note(store)
        assert store.get("counts", "a") == "7"
        assert store.claim("summaries", "a", "first") == "first"
    assert warnings(caplog, "from memory") == 1
    store.close()


def test_a_file_on_a_full_disk_takes_what_waits_when_there_is_room(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = open_store(f"sqlite:///{tmp_path}/facts.db")
    assert isinstance(store, SharedStore)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    heard = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, hard))  # no file may grow beyond this
        for number in range(200):
            store.put("texts", str(number), f"{number} " * 1_000)
            note(store)
        assert until(lambda: warnings(caplog, "does not answer") == 1)
        assert store.get("texts", "199") == "199 " * 1_000
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, heard)
    assert until(store.flush)
    assert store.session("s").counts["requests"] == 200
    assert len(store.keys("texts")) == 200
    assert warnings(caplog, "does not answer") == 1
    store.close()


READER = """
import logging, sys, time
logging.basicConfig(format="%(message)s")
from token_guard.stores import SessionChange, open_store
store = open_store(sys.argv[1])
assert store.get("limits", "a") == "1"
for number in range(30):
    store.put("limits", "b", str(number))
    store.note(SessionChange("s", time.time(), 1e6, {}, {"requests": 1}))
    assert store.get("limits", "b") == str(number)
    time.sleep(0.1)
"""


def test_a_file_that_may_only_be_read_is_read(tmp_path: Path) -> None:
    file = tmp_path / "facts.db"
    store = open_store(f"sqlite:///{file}")
    store.put("limits", "a", "1")
    store.close()
    file.chmod(0o444)
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("root may write everywhere, and there is no setpriv to take that from it")
    somebody = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    done = subprocess.run([*somebody, sys.executable, "-c", READER, f"sqlite:///{file}"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("does not answer") == 1
