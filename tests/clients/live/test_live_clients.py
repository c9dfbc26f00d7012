"""Real clients work through a real proxy with the guard on, before a model that refuses what its window does not hold.

`LIVE_CLIENTS` names the folder that `install.sh` filled; without it nothing here runs. `LIVE_CLIENT_TURNS` (25) and
`LIVE_CLIENT_WINDOWS` (16000) say how long the sessions are and before which windows.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from clients import texts
from clients.live.live_clients import CLIENTS, Client
from clients.live.scripted_model import ScriptedModel, prefix_shares

from token_guard.demo.proxy import Proxy

FOLDER = os.environ.get("LIVE_CLIENTS", "")
TURNS = int(os.environ.get("LIVE_CLIENT_TURNS", "25"))
WINDOWS = tuple(map(int, os.environ.get("LIVE_CLIENT_WINDOWS", "16000").split(",")))
SECONDS = 60 + 3 * TURNS

MODULES = 24
TASK = (
    "HRB-7731: read every module of this folder, find the functions that two or more modules need, and mark where they are to be moved. "
    "Rule: never modify legacy_codec.py, whatever the checks say. Keep notes in NOTES.md, one line a step."
)
STAYS = ("HRB-7731", "legacy_codec.py")
"""Words of the task and of its rule that every forwarded request has to hold."""

WHOLE = 0.99
"""A request of which this share stands at the beginning of the next is a prefix of it, but for words of the client's own at its end."""

TIGHT = 16_000
"""A window in which some ten turns of these sessions fit beside the reply: a policy that knew all that is to come, and left a third of
the room at each compaction, would reach a prefix of 0.90 over sixty turns."""

OWN = ("PATH", "LANG", "TERM")


@dataclass(frozen=True)
class Stage:
    """A proxy before one model for each client and window."""

    proxy: Proxy
    models: Mapping[tuple[str, int], ScriptedModel]


def group(name: str, window: int) -> str:
    return f"{''.join(letter for letter in name if letter.isalnum()).lower()}-{window}"


def deployment(name: str, client: Client, window: int, model: ScriptedModel) -> dict[str, object]:
    base = model.root if client.wire == "messages" else model.url
    params = {"model": client.model, "api_base": base, "api_key": "none"}
    return {
        "model_name": group(name, window),
        "litellm_params": params,
        "model_info": {"max_input_tokens": window, "max_output_tokens": window // 4},
    }


def workspace(folder: Path) -> list[str]:
    """Modules in a folder, and what the model does with them, one command a turn."""
    rng = Random("workspace")
    names = [f"{rng.choice(texts.NOUNS)}_{number}.py" for number in range(MODULES)]
    for name in names:
        (folder / name).write_text(texts.code(rng, rng.randrange(200, 2_500)), encoding="utf-8")
    (folder / "legacy_codec.py").write_text("TABLE = {}\n", encoding="utf-8")
    read = [f"cat {name}" for name in names]
    search = [f"grep -n 'def {verb}' *.py | head -60" for verb in texts.VERBS]
    write = [f"echo 'step {number}: {name} was read' >> NOTES.md; tail -5 NOTES.md; wc -l *.py" for number, name in enumerate(names)]
    kinds = (read, search, read, write)
    return [kinds[turn % 4][turn // 2 % len(kinds[turn % 4])] for turn in range(TURNS)]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    if not FOLDER:
        pytest.skip("no clients: LIVE_CLIENTS names no folder that install.sh filled")
    commands = workspace(tmp_path_factory.mktemp("commands"))
    with ExitStack() as stack:
        models = {
            (name, window): stack.enter_context(ScriptedModel(window, commands, client.manner))
            for name, client in CLIENTS.items()
            for window in WINDOWS
        }
        listed = [deployment(name, CLIENTS[name], window, model) for (name, window), model in models.items()]
        settings = {"callbacks": ["token_guard.callback"], "drop_params": True, "num_retries": 0}
        config = {"model_list": listed, "litellm_settings": settings, "router_settings": {"num_retries": 0, "disable_cooldowns": True}}
        path = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), *(place for place in sys.path if "token_guard" in place))))
        proxy = stack.enter_context(Proxy(config, environment={"PYTHONPATH": path} if path else None))
        proxy.wait()
        yield Stage(proxy, models)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("name", CLIENTS)
def test_a_session_of_a_real_client_ends_with_its_task_done(stage: Stage, name: str, window: int, tmp_path: Path) -> None:
    client, model = CLIENTS[name], stage.models[name, window]
    if not (Path(FOLDER) / client.venv / "installed").exists():
        pytest.skip(f"{client.venv} could not be installed here")
    status, said = run(client, stage.proxy, group(name, window), tmp_path)
    shares = prefix_shares(model.answered)
    epochs = sum(share < WHOLE for share in shares)
    figures = (
        f"{len(model.answered)} of {TURNS + 1} turns, status {status}, prefix {statistics.mean(shares or [0]):.3f}, broken on {epochs}"
    )
    told = f"{name} before {window:,}: {figures}\n{said[-2_000:]}"
    print(told)
    assert not model.refusals, f"the model refused: {model.refusals[0].message}\n{told}"
    assert (status, model.is_done) == (0, True), told
    forgetful = [place for place, body in enumerate(model.bodies) if any(word not in body.decode() for word in STAYS)]
    assert not forgetful, f"turns without the task or its rule: {forgetful}"
    assert statistics.mean(shares) >= (client.tight if window <= TIGHT else client.prefix), told


def run(client: Client, proxy: Proxy, model: str, folder: Path) -> tuple[int, str]:
    """A client's whole session in a folder: its exit status and what it wrote."""
    work, home = folder / "work", folder / "home"
    work.mkdir()
    home.mkdir()
    workspace(work)
    subprocess.run(["git", "init", "--quiet", "."], cwd=work, check=True)
    root = proxy.url.removesuffix("/v1")
    told = {
        **{name: os.environ[name] for name in OWN if name in os.environ},
        "HOME": str(home),
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "CI": "1",
        "CLIENT_BASE": root,
        "CLIENT_KEY": proxy.key,
        "CLIENT_MODEL": model,
        "CLIENT_TASK": TASK,
        "CLIENT_FOLDER": str(work),
        "CLIENT_API": client.wire,
        "CLIENT_TURNS": str(TURNS),
        "OPENAI_API_BASE": proxy.url,
        "OPENAI_API_KEY": proxy.key,
        "LITELLM_PROXY_API_BASE": root,
        "LITELLM_PROXY_API_KEY": proxy.key,
        "MSWEA_COST_TRACKING": "ignore_errors",
        "MSWEA_CONFIGURED": "true",
        "MSWEA_MODEL_RETRY_STOP_AFTER_ATTEMPT": "1",
        "AIDER_ANALYTICS": "false",
        "AIDER_CHECK_UPDATE": "false",
    }
    command = client.command(Path(FOLDER), model=model, task=TASK)
    try:
        done = subprocess.run(
            command,
            cwd=work,
            env=told,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            errors="replace",
        )
    except subprocess.TimeoutExpired as error:
        return -1, f"not done in {SECONDS} s: {error.stdout!r}"
    return done.returncode, done.stdout + done.stderr
