"""`token-guard replay --engine ray`: on a Ray of two workers, with processes and ports of its own."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from token_guard.commands.engines import EngineError, Where, engine_for

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs Ray, the extra ray")

CLUSTER = """
import os, sys
os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_AUTH_MODE="disabled")  # no token for it in the home of whoever runs tests
import ray
started = ray.init(address="local", num_cpus=2, include_dashboard=False, object_store_memory=80 * 2**20, configure_logging=False)
print(started.address_info["gcs_address"], flush=True)
sys.stdin.read()
ray.shutdown()
"""
"""What holds a cluster until its standard input ends."""


def _run(*arguments: str, address: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, **environment, **({"RAY_ADDRESS": address} if address else {})}
    return subprocess.run(
        [sys.executable, "-m", "token_guard", "replay", *arguments], env=environ, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a cluster whose workers know nothing of the environment and the folder of a test."""
    folder = tmp_path_factory.mktemp("cluster")
    with subprocess.Popen([sys.executable, "-c", CLUSTER], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()


@pytest.fixture
def log(tmp_path: Path) -> str:
    """Sessions of three models, one of which only a limit file knows, in no order of their size."""
    path = tmp_path / "log.jsonl"
    models = ("gpt-4o", "claude-sonnet-4-5", "our-own")
    path.write_text("".join(f"{json.dumps(_session(n, models[n % 3]))}\n" for n in range(9)), encoding="utf-8")
    return str(path)


def _session(number: int, model: str) -> dict[str, Any]:
    turns = [
        (
            {"role": "user", "content": f"Question {n} of {number}?"},
            {"role": "assistant", "content": f"Answer {n}. " + f"word{n} " * (99 + 31 * number)},
        )
        for n in range(4 + number * 5 % 7)
    ]
    return {"id": f"s{number}", "model": model, "meta": {}, "messages": [message for turn in turns for message in turn]}


@needs_ray
def test_a_cluster_says_the_same_to_the_last_byte(cluster: str, log: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The windows are those of where the logs are: a limit file in the working folder, and a variable of the environment."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model_limits.json").write_text('{"our-own": 3000}', encoding="utf-8")
    monkeypatch.setenv("MODEL_LIMIT_GPT_4O", "4000")
    seen = []
    for engine in ("local", "ray"):
        done = _run("log.jsonl", "--engine", engine, "--json", "--html", "report.html", address=cluster)
        assert (done.returncode, done.stderr) == (0, "")
        seen.append((done.stdout, (tmp_path / "report.html").read_bytes()))
    assert seen[0] == seen[1]
    windows = {model["model"]: tuple(model["window"].values()) for model in json.loads(seen[0][0])["models"]}
    assert windows == {"gpt-4o": (4_000, "environment"), "claude-sonnet-4-5": (200_000, "litellm_map"), "our-own": (3_000, "config_file")}


@needs_ray
def test_what_goes_wrong_on_a_node_is_one_line(cluster: str, log: str) -> None:
    """Ray hands over what a worker raises with the whole stack of the worker."""
    from token_guard.commands.engines import on_ray

    code = (
        "import sys; from token_guard.commands.engines import on_ray; from token_guard.__main__ import main\n"
        "on_ray._versions = lambda: {**dict.fromkeys(on_ray.DECISIVE, ''), 'litellm': '0.1'}\n"
        f"sys.argv = ['token-guard', 'replay', {log!r}, '--engine', 'ray', '--ray-address', {cluster!r}]; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"has token-guard {on_ray._versions()['token-guard']}, here missing; litellm" in done.stderr
    assert done.stderr.endswith(": install the same versions on all nodes\n")
    assert done.stderr.count("\n") == 1


@needs_ray
@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs /proc")
@pytest.mark.usefixtures("heeded")
def test_ctrl_c_ends_a_replay_on_a_cluster(cluster: str, tmp_path: Path) -> None:
    """Sessions that would take its two workers a minute; the cluster goes on, without them."""
    log = tmp_path / "long.jsonl"
    messages = [
        message
        for n in range(150)
        for message in ({"role": "user", "content": f"{n}?"}, {"role": "assistant", "content": f"word{n} " * 300})
    ]
    log.write_text(
        "".join(f"{json.dumps({'id': str(n), 'model': 'gpt-4o', 'meta': {}, 'messages': messages})}\n" for n in range(40)), encoding="utf-8"
    )
    command = [
        sys.executable,
        "-m",
        "token_guard",
        "replay",
        str(log),
        "-n",
        "6000",
        "--engine",
        "ray",
        "--html",
        str(tmp_path / "report.html"),
    ]
    with subprocess.Popen(
        command,
        env={**os.environ, "RAY_ADDRESS": cluster},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        _wait_for(lambda: process.poll() is not None or _at_work())
        os.killpg(process.pid, signal.SIGINT)
        assert (*process.communicate(timeout=60), process.returncode) == ("", "token-guard: interrupted\n", 130)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["long.jsonl"]
    _wait_for(lambda: not _at_work())


def _at_work() -> bool:
    """Whether a worker of a cluster tries a session: Ray names its processes after what they do."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            lines.append(path.read_bytes())
    return any(line.startswith(b"ray::tried_on_a_node") for line in lines)


def _wait_for(holds: Callable[[], bool]) -> None:
    while not holds():
        time.sleep(0.05)


@needs_ray
def test_where_no_cluster_runs_none_is_started(log: str, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    for named in (address, f"ray://{address}"):
        done = _run(log, "--engine", "ray", address=named)
        assert done.returncode == 2
        assert done.stderr == (
            f"token-guard: no Ray cluster at {named} to connect to (Connection refused): name one with --ray-address or RAY_ADDRESS, "
            "or start one with `ray start --head`; one that asks for a token needs RAY_AUTH_MODE=token and the token here too\n"
        )


def test_where_ray_is_not_installed_it_says_how_to_install_it(log: str, tmp_path: Path) -> None:
    (tmp_path / "ray.py").write_text("raise ImportError('No module named ray')", encoding="utf-8")
    path = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH"))))
    done = _run(log, "--engine", "ray", PYTHONPATH=path)
    assert done.returncode == 2
    assert "pip install 'token-guard[ray]'" in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_engine_that_there_is_not_is_refused_with_those_there_are() -> None:
    with pytest.raises(EngineError, match="--engine spark: no such engine; there are local and ray"):
        engine_for(Where("spark"))
    with pytest.raises(EngineError, match="--ray-address goes with --engine ray"):
        engine_for(Where("local", ray_address="auto"))
