"""What all tests share: an environment without the outside world, the recorded conversations, the options of Settings."""

from __future__ import annotations

import functools
import gzip
import json
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# A push is judged by the same examples each time; new ones are for the desk. No machine is quiet enough for deadlines.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)
hypothesis.settings.register_profile("desk", deadline=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "desk")

CORPUS = Path(__file__).parent.parent.parent / "shared" / "corpus"
LOOPBACK = {"127.0.0.1", "::1", "localhost", "0.0.0.0", ""}
OWN_PREFIXES = ("TOKEN_GUARD_", "MODEL_LIMIT_", "DEFAULT_STRATEGY")

# Before anything imports litellm: without it the import tries to download the cost map.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
os.environ["TOKEN_GUARD_STORE"] = "memory:"
for _name in [name for name in os.environ if name.startswith(OWN_PREFIXES) and name != "TOKEN_GUARD_STORE"]:
    del os.environ[_name]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What starts proxies comes first: each worker begins a stretch of the tests, and one that takes over takes from the end of it,
    so that one worker starts them, once each, and none has a long test left when the others have nothing to do."""
    items.sort(key=lambda item: "end_to_end" not in item.path.parts)


@pytest.fixture(scope="session", autouse=True)
def _no_limit_files_of_this_machine(tmp_path_factory: pytest.TempPathFactory) -> None:
    os.environ["XDG_CONFIG_HOME"] = str(tmp_path_factory.mktemp("config"))


@pytest.fixture(scope="session", autouse=True)
def _loopback_only() -> Iterator[None]:
    """A test that reaches for another machine fails at once instead of waiting for a network that may not be there."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in {socket.AF_INET, socket.AF_INET6} and address[0] not in LOOPBACK:
            raise OSError(f"a test tried to connect to {address[0]}")
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        yield


@functools.cache
def _conversations(name: str) -> tuple[dict[str, Any], ...]:
    path = CORPUS / f"{name}.jsonl.gz"
    if not path.exists():
        pytest.skip(f"recorded conversations are not here: ../shared/corpus/{path.name} beside the repository")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return tuple(json.loads(line) for line in lines)


@pytest.fixture(scope="session")
def corpus() -> Callable[[str], tuple[dict[str, Any], ...]]:
    """`corpus("tool_dialogues")`: the recorded conversations of that file, or a skipped test where they are absent."""
    return _conversations


@pytest.fixture(scope="session")
def corpus_folder() -> Path:
    """The folder of the recorded conversations, or a skipped test where it is absent."""
    if not CORPUS.exists():
        pytest.skip("recorded conversations are not here: ../shared/corpus beside the repository")
    return CORPUS


@dataclass(frozen=True, slots=True)
class Option:
    """One setting as its model declares it; `key` is dotted for a nested one."""

    key: str
    default: Any
    meaning: str


def every_option(section: Any, prefix: str = "") -> Iterator[Option]:
    for name, declared in section.model_fields.items():
        default = declared.get_default(call_default_factory=True)
        if hasattr(declared.annotation, "model_fields"):
            yield from every_option(declared.annotation, f"{prefix}{name}.")
        else:
            yield Option(f"{prefix}{name}", default, declared.description)


@pytest.fixture(scope="session")
def options() -> tuple[Option, ...]:
    """Every option of Settings, depth first, in the order of declaration."""
    from token_guard.settings import Settings

    return tuple(every_option(Settings))
