"""A real LiteLLM proxy as a child process: started from a config, waited for, and gone when its `with` block ends."""

from __future__ import annotations

import importlib.util
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

__all__ = ["Proxy", "ProxyFailedError", "proxy_is_installed"]

START_SECONDS = 120.0
"""A proxy starts in 5 s on a laptop and in 20 s on a busy two-core machine."""
STOP_SECONDS = 5.0
ALONE = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else litellm fetches its cost map from the network
    "NO_PROXY": "127.0.0.1",
    "no_proxy": "127.0.0.1",
    "PYTHONFAULTHANDLER": "1",  # a crash leaves a trace in the output
    "PYTHONUNBUFFERED": "1",
    "TOKEN_GUARD_STORE": "memory:",  # what is learned from a stand-in is not kept
}
FOREIGN = ("CONFIG_FILE_PATH", "DATABASE_", "LITELLM_", "MODEL_LIMIT_", "REDIS_", "STORE_MODEL_IN_DB", "TOKEN_GUARD_")
"""Variables that configure somebody's real proxy, which the one that we start must not inherit."""


class ProxyFailedError(RuntimeError):
    """The proxy ended or did not answer; the message is the end of its output."""


def proxy_is_installed() -> bool:
    """Whether the packages of litellm's proxy server are there."""
    return all(importlib.util.find_spec(name) for name in ("fastapi", "uvicorn", "openai"))


class Proxy:
    """`litellm --config` with `config`, on a free port of loopback, in so many worker processes; `environment` is added to this
    process's own."""

    def __init__(self, config: Mapping[str, Any], *, environment: Mapping[str, str] | None = None, workers: int = 1) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="token-guard-")
        self._config = Path(self._folder.name) / "config.yaml"
        self._config.write_text(yaml.safe_dump(dict(config), sort_keys=False), encoding="utf-8")
        self._log = Path(self._folder.name) / "proxy.log"
        self.key = f"sk-{secrets.token_hex(32)}"
        """The master key: litellm refuses to start without one."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        self._environment = {**inherited, **ALONE, "LITELLM_MASTER_KEY": self.key, **(environment or {})}
        self._port = _free_port()
        self._workers = workers
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The base URL for OpenAI clients."""
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def output(self) -> str:
        """What the proxy has written so far, both streams."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def __enter__(self) -> Self:
        """Start the proxy; it is ready after `wait`."""
        self._spawn()
        return self

    @property
    def pid(self) -> int:
        """The process; of several workers, the one that started them. ProxyFailedError before it is started."""
        if self._process is None:
            raise ProxyFailedError("the proxy was not started")
        return self._process.pid

    def wait(self) -> Self:
        """Return when the proxy answers; ProxyFailedError when it ends or START_SECONDS have passed."""
        deadline = time.monotonic() + START_SECONDS * self._workers
        while not self._answers():
            if self._process is None or self._process.poll() is not None or time.monotonic() > deadline:
                raise ProxyFailedError(self.output[-2_000:])
            time.sleep(0.1)
        return self

    def exit_status(self) -> int:
        """Wait until the proxy ends by itself; its exit status."""
        if self._process is None:
            raise ProxyFailedError("the proxy was not started")
        return self._process.wait(timeout=START_SECONDS)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop the proxy and everything that it started, and remove its files."""
        process, self._process = self._process, None
        try:
            if process is not None:
                _end(process)
        finally:
            self._folder.cleanup()

    def _spawn(self) -> None:
        # `litellm` by module name: the script may be missing from PATH when the virtual environment is not active.
        start = "from litellm.proxy.proxy_cli import run_server; run_server()"
        place = ("--host", "127.0.0.1", "--port", str(self._port), "--num_workers", str(self._workers))
        command = [sys.executable, "-c", start, "--config", str(self._config), *place]
        with self._log.open("wb") as log:
            # A session of its own: one signal ends the whole group, and Ctrl-C reaches us alone.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
                cwd=self._folder.name,
                start_new_session=True,
            )

    def _answers(self) -> bool:
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(f"http://127.0.0.1:{self._port}/health/liveliness", timeout=2) as answer:
                return bool(answer.status == HTTPStatus.OK)
        except OSError:
            return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and its whole group: politely, then by force, also when a second Ctrl-C cuts the wait short."""
    try:
        process.terminate()
        process.wait(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        pass
    finally:
        _kill_group(process)
        process.wait()


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":  # no process groups there; litellm starts no further processes with one worker
        process.kill()
        return
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:  # it is gone, and so are its children
        return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
