"""Real Redis and PostgreSQL servers on free ports of loopback, which a test may kill and start again; where one is not installed, the
test skips."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

__all__ = ["SERVERS", "PostgreSQL", "Redis", "Server"]

START_SECONDS = 30.0


class Server(ABC):
    """A server that keeps its data in a folder of its own while its `with` block runs."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.folder = Path(tempfile.mkdtemp(prefix="tg-"))
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.prepare()
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start the server and wait until it listens."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"{type(self).__name__} did not start: {(self.folder / 'log').read_text()[-1_000:]}")
            time.sleep(0.05)

    def kill(self) -> None:
        """End the server at once, as a power cut does."""
        self.signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
            self._process = None

    def signal(self, number: int) -> None:
        """Signal the server and all that it started: SIGSTOP makes it one that does not answer."""
        if self._process is not None:
            for pid in (*_children(self._process.pid), self._process.pid):  # those of PostgreSQL are groups of their own
                with suppress(ProcessLookupError):
                    os.killpg(pid, number)

    def answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    @property
    @abstractmethod
    def url(self) -> str: ...

    @abstractmethod
    def prepare(self) -> None: ...

    @abstractmethod
    def command(self) -> list[str]: ...


class Redis(Server):
    """One that writes every command to disk before it answers, so that a power cut loses nothing that it has answered."""

    def prepare(self) -> None:
        pytest.importorskip("redis", reason="needs the package redis")
        if shutil.which("redis-server") is None:
            pytest.skip("needs redis-server on the PATH")

    def command(self) -> list[str]:
        options = {"--port": str(self.port), "--bind": "127.0.0.1", "--dir": str(self.folder), "--save": "", "--appendonly": "yes"}
        return ["redis-server", "--appendfsync", "always", *(word for option in options.items() for word in option)]

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"


class PostgreSQL(Server):
    """A cluster of its own; as root it runs as another user, because it refuses to run as root."""

    def prepare(self) -> None:
        pytest.importorskip("psycopg", reason="needs the package psycopg")
        if _program("postgres") is None or _program("initdb") is None:
            pytest.skip("needs the programs of a PostgreSQL server")
        if os.geteuid() == 0:
            if shutil.which("setpriv") is None:
                pytest.skip("PostgreSQL does not run as root, and there is no setpriv to become another user")
            shutil.chown(self.folder, "nobody")
        options = ["-D", str(self.folder / "data"), "-A", "trust", "-U", "token_guard", "-E", "UTF8", "--locale=C", "--no-sync"]
        made = subprocess.run([*self._as_somebody(), str(_program("initdb")), *options], capture_output=True, check=False, cwd="/")
        if made.returncode:
            pytest.skip(f"initdb does not work here: {made.stderr.decode()[-200:]}")

    def command(self) -> list[str]:
        options = ["-D", str(self.folder / "data"), "-p", str(self.port), "-k", str(self.folder), "-c", "listen_addresses=127.0.0.1"]
        return [*self._as_somebody(), str(_program("postgres")), *options]

    def answers(self) -> bool:
        """It listens before it is ready."""
        import psycopg

        try:
            psycopg.connect(self.url.replace("+psycopg", "")).close()
        except psycopg.OperationalError:
            return False
        return True

    def kill(self) -> None:
        super().kill()
        (self.folder / "data" / "postmaster.pid").unlink(missing_ok=True)

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://token_guard@127.0.0.1:{self.port}/postgres"

    def _as_somebody(self) -> list[str]:
        return ["setpriv", "--reuid=nobody", "--clear-groups"] if os.geteuid() == 0 else []


def _children(pid: int) -> list[int]:
    told = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in told.read_text().split()] if told.exists() else []


SERVERS: dict[str, type[Server]] = {"redis": Redis, "postgresql": PostgreSQL}


def _program(name: str) -> str | None:
    """A program of PostgreSQL's, on the PATH or where Debian keeps it; the newest."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parent.parent.name))
    return str(places[-1]) if places else shutil.which(name)
