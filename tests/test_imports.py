"""The layers: imports point down, families do not know each other, and importing does nothing."""

from __future__ import annotations

import ast
import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import token_guard

PACKAGE = Path(token_guard.__file__).parent

LAYERS = (
    # values
    ("errors", "conversation", "budget"),
    ("marks",),
    ("report", "settings", "speech"),
    # what can be asked of a request, a model, a store
    ("counting", "formats", "limits", "stores"),
    # what can be done to messages, and what providers demand of them
    ("compaction", "validity", "sessions"),
    ("history",),
    # the main path
    ("case", "monitor"),
    ("outcome", "second_look"),
    ("plain_cases",),
    ("guard",),
    ("web",),
    ("simulation", "shadow"),
    # who calls it
    ("proxy", "demo"),
    ("commands",),
    ("", "__main__"),
)
"""The files and folders of the package, lowest first ("" is the package itself); an import has to lead to a lower layer.

Families of one layer cannot import each other.
"""

RANKS = {unit: rank for rank, layer in enumerate(LAYERS) for unit in layer}

EXCEPTIONS = {("counting.counter", "limits"), ("counting.counter", "formats")}
"""TokenCounter.get_model_limits has to answer what the limit chain says, and messages that are objects are opened as formats do it; it
imports both when it is called."""

KNOWS_SETTINGS = (
    "compaction.strategies",
    "history.thresholds",
    "case",
    "outcome",
    "second_look",
    "guard",
    "simulation.trial",
    "proxy",
    "commands",
    "",
    "settings",
)
"""Who may know all settings; everybody else is handed the options that are its own."""

AT_THE_TOP = 12
"""Modules beside the folders: more are a corridor, not a house."""

THIRD_PARTY = {
    "litellm": ("proxy", "demo"),
    "tiktoken": ("counting", "demo"),
    "fastokens": ("counting",),
    "ctok": ("counting",),
    "splintr": ("counting",),
    "cachetools": ("compaction.remembered", "history.forwarded", "history.states", "sessions", "proxy"),
    "sqlalchemy": ("stores.engines", "stores.schema", "stores.sql", "stores.sql_sessions"),
    "redis": ("stores.redis",),
    "cryptography": ("sessions.sealing",),
    "prometheus_client": ("proxy.metrics",),
    "pydantic": ("settings",),
    "pydantic_settings": ("settings",),
    "yaml": ("limits", "commands.litellm_config", "commands.replay", "demo"),
    "typer": ("commands.cli", "commands.reference"),
    "rich": ("commands", "demo"),
    "openai": ("demo",),
    "httpx": ("limits.discovery", "limits.pages", "counting.references.pages", "demo"),
    "pathspec": ("commands.walk",),
    "ray": ("commands.engines.on_ray",),
    "jinja2": ("commands.replay_page",),
    "uvicorn": ("demo",),
    "fastapi": ("proxy", "web", "demo"),
    "starlette": ("proxy", "demo"),
}
"""Packages of others, and the only places that know them."""

IMPORTS_OTHERS_AT_ONCE = ("proxy", "web", "demo")
"""Modules that may import litellm and servers when they are imported; nothing imports them but their users."""


def _name(path: Path) -> str:
    """`counting.meter` for counting/meter.py, `counting` for its __init__.py."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


TREES = {_name(path): ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}
MODULES = sorted(TREES)


def _imports(module: str) -> Iterator[str]:
    """Absolute names of all that a module imports, wherever in it."""
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            yield from (_source(node.module or "", alias.name) for alias in node.names)


def _source(module: str, name: str) -> str:
    """`from token_guard import settings` imports the module, `from token_guard import Settings` the package's name."""
    inner = f"{module}.{name}".removeprefix("token_guard.")
    return f"{module}.{name}" if inner in TREES else module


def _unit(module: str) -> str:
    return module.partition(".")[0]


def _own_imports(module: str) -> Iterator[str]:
    for name in _imports(module):
        if _unit(name) == "token_guard":
            yield name.removeprefix("token_guard").removeprefix(".")


def _within(module: str, places: tuple[str, ...]) -> bool:
    return any(module == place or module.startswith(f"{place}.") for place in places)


@pytest.mark.parametrize("module", MODULES)
def test_every_file_has_a_rank(module: str) -> None:
    assert _unit(module) in RANKS


def test_the_top_holds_a_dozen_modules() -> None:
    assert len(list(PACKAGE.glob("*.py"))) <= AT_THE_TOP


@pytest.mark.parametrize("module", MODULES)
def test_settings_are_known_where_they_are_handed_out(module: str) -> None:
    assert "settings" not in map(_unit, _own_imports(module)) or _within(module, KNOWS_SETTINGS)


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module: str) -> None:
    unit = _unit(module)
    upward = {
        name
        for name in _own_imports(module)
        if _unit(name) != unit and RANKS[_unit(name)] >= RANKS[unit] and (module, _unit(name)) not in EXCEPTIONS
    }
    assert upward == set()


@pytest.mark.parametrize("module", MODULES)
def test_other_peoples_packages_are_known_only_where_they_are_needed(module: str) -> None:
    foreign = {_unit(name) for name in _imports(module)} - sys.stdlib_module_names - {"token_guard"}
    assert {name for name in foreign if not _within(module, THIRD_PARTY.get(name, ()))} == set()


@pytest.mark.parametrize("module", MODULES)
def test_all_names_what_there_is(module: str) -> None:
    loaded = importlib.import_module(f"token_guard.{module}".rstrip("."))
    assert [name for name in loaded.__all__ if not hasattr(loaded, name)] == []
    assert len(set(loaded.__all__)) == len(loaded.__all__)


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"validity.rules"}))
def test_all_names_every_public_function_and_class(module: str) -> None:
    """Rules are offered by their table, decorated functions (commands) by their decorator."""
    defined = (node for node in TREES[module].body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)))
    public = {
        node.name for node in defined if not node.name.startswith("_") and (isinstance(node, ast.ClassDef) or not node.decorator_list)
    }
    assert public <= set(importlib.import_module(f"token_guard.{module}".rstrip(".")).__all__)


@pytest.mark.parametrize("module", MODULES)
def test_modules_use_only_what_others_offer(module: str) -> None:
    taken = {
        (node.module, alias.name)
        for node in ast.walk(TREES[module])
        if isinstance(node, ast.ImportFrom) and _unit(node.module or "") == "token_guard"
        for alias in node.names
    }
    private = {
        f"{source}.{name}"
        for source, name in taken
        if _source(source, name) == source and name not in importlib.import_module(source).__all__
    }
    assert private == set()


def _python(code: str) -> str:
    environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60, env=environ)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("token_guard", ("litellm", "tiktoken", "pydantic", "yaml", "rich")),
        ("token_guard.commands.cli", ("litellm", "tiktoken", "pydantic", "yaml", "rich", "token_guard.guard", "token_guard.demo")),
        ("token_guard.guard", ("litellm", "tiktoken", "rich", "typer", "sqlalchemy")),
        ("token_guard.stores", ("sqlalchemy", "redis", "psycopg")),
        ("token_guard.commands.count", ("litellm", "typer", "httpx", "pathspec", "token_guard.demo", "token_guard.guard")),
    ],
)
def test_importing_does_not_load_what_may_never_be_needed(module: str, absent: tuple[str, ...]) -> None:
    loaded = set(_python(f"import {module}, sys; print(*sys.modules)").split())
    assert loaded & set(absent) == set()


def test_importing_opens_no_file_and_no_socket() -> None:
    """Code aside; packages of others are loaded before anybody looks."""
    own = [f"token_guard.{module}".rstrip(".") for module in MODULES if not _within(module, IMPORTS_OTHERS_AT_ONCE)]
    opened = _python(
        f"""
import importlib, sys
for name in ("pydantic", "pydantic_settings", "rich.console", "rich.table", "tiktoken", "typer", "yaml", "importlib.metadata"):
    importlib.import_module(name)
seen = []
def watch(event, arguments):
    if event.startswith("socket.") or event == "open" and not str(arguments[0]).endswith((".py", ".pyc", ".so")):
        seen.append((event, arguments[0]))
sys.addaudithook(watch)
for name in {own!r}:
    importlib.import_module(name)
print(seen)
"""
    )
    assert opened.strip() == "[]"
