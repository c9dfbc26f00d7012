"""Requests out of logs: OpenAI batch files, LiteLLM's spend logs, plain requests, recorded sessions; one JSON value a line, gzip or not."""

from __future__ import annotations

import gzip
import io
import json
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

from token_guard.commands.inputs import InputError, is_request

__all__ = ["Broken", "Entry", "Logged", "entries", "entry_of", "holds_requests"]

LINES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")

FIRST_LINES = 20
"""Lines that tell whether a file holds requests: some of them may be broken, or tell something else."""

GZIP = b"\x1f\x8b"

BODIES = ("body", "proxy_server_request", "request", "kwargs")
"""Where a line of a log keeps the request that it is about: OpenAI's batch files, LiteLLM's spend logs, its callbacks' records."""

TIMES = ("startTime", "start_time", "created_at", "timestamp", "time")

SESSIONS = ("session_id", "litellm_session_id", "conversation_id", "trace_id")


@dataclass(frozen=True, slots=True)
class Logged:
    """One request of a log: when it was sent, in seconds, and in which session, where the log says so."""

    request: Mapping[str, Any] = field(repr=False)
    at: float | None = None
    session: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """What one line of a log says: a request, or (`is_session`) a conversation each of whose assistant messages answered one."""

    logged: Logged
    is_session: bool = False
    name: str = ""
    usage: tuple[tuple[int, int, int | None], ...] = ()
    """For a session, what the provider counted: the place of an assistant message, the prompt's tokens, those read from its cache."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A line that says nothing, and why."""

    place: str
    reason: str


Line: TypeAlias = Entry | Broken


def holds_requests(name: str) -> bool:
    """Whether a file is named like one of JSON values, one a line, and one of its first lines is a request."""
    if not name.endswith(LINES):
        return False
    try:
        return any(isinstance(line, Entry) for line in islice(entries(name), FIRST_LINES))
    except InputError:  # who reads it says why it cannot be read
        return False


def entries(name: str) -> Iterator[Line]:
    """What each line of a log says, in its order ("-" is standard input); of one that is cut short, what stands before the cut. Raises
    InputError when it cannot be read."""
    try:
        with _opened(name) as file:
            yield from _lines(name, file)
    except (EOFError, zlib.error) as error:  # of gzip
        yield Broken(name, f"it is cut short or damaged: {error}")
    except OSError as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{name}: {reason}") from None


@contextmanager
def _opened(name: str) -> Iterator[Iterable[bytes]]:
    """The lines of a file, unpacked where it is gzip."""
    with nullcontext(sys.stdin.buffer) if name == "-" else Path(name).open("rb") as raw:
        file = io.BufferedReader(raw)  # type: ignore[type-var]
        try:
            yield gzip.GzipFile(fileobj=file) if file.peek(len(GZIP)).startswith(GZIP) else file
        finally:
            file.detach()  # who opened it closes it


def _lines(name: str, file: Iterable[bytes]) -> Iterator[Line]:
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        place = f"{name}:{number}"
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield Broken(place, f"broken JSON ({getattr(error, 'msg', None) or type(error).__name__})")
            continue
        yield entry_of(value, place)


def entry_of(value: Any, place: str) -> Line:
    """What a JSON value of a log says.

    >>> entry_of({"custom_id": "a", "body": {"model": "m", "messages": [{"role": "user"}]}}, "x:1").logged.request["model"]
    'm'
    >>> entry_of({"object": "list"}, "x:2")
    Broken(place='x:2', reason='no request: no messages, contents, input or prompt in it')
    """
    if isinstance(value, list) and value and all(isinstance(item, dict) and "role" in item for item in value):
        value = {"messages": value}
    if not isinstance(value, dict):
        return Broken(place, "no request: not a JSON object")
    request = _request(value)
    if request is None:
        return Broken(place, "no request: no messages, contents, input or prompt in it")
    meta = value.get("meta")
    if isinstance(meta, dict) and request is value and isinstance(value.get("messages"), list):
        return _session(value, meta, place)
    return Entry(Logged(request, _at(value), _session_id(value)), name=place)


def _request(value: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The request in a line: as a part of it, as JSON in a text, or the line itself."""
    for key in BODIES:
        inner = _plain(value.get(key))
        if isinstance(inner, dict) and (found := _request(inner)) is not None:
            return found if "model" in found or "model" not in value else {**found, "model": value["model"]}
    messages = _plain(value.get("messages"))
    if isinstance(messages, list) and messages:
        return value if messages is value["messages"] else {**value, "messages": messages}
    return value if value.get("messages") is None and is_request(value) else None


def _plain(value: Any) -> Any:
    """A value that may be written as JSON in a text, as databases export it."""
    if not isinstance(value, str) or value[:1] not in ("{", "["):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _session(value: Mapping[str, Any], meta: Mapping[str, Any], place: str) -> Entry:
    """A recorded conversation, in the form of the corpus: `meta` says with which model, and what the provider counted."""
    name = str(value.get("id") or place)
    keys = ("messages", "tools", "system")
    request = {key: value[key] for key in keys if value.get(key)}
    if model := value.get("model") or _model(meta):
        request["model"] = model
    return Entry(Logged(request, _at(value), name), True, name, tuple(_usage(meta.get("usage_prompt_cacheread_output"))))


def _model(meta: Mapping[str, Any]) -> str | None:
    models = meta.get("models")
    if isinstance(models, dict) and models:
        return str(max(models, key=lambda name: models[name]))
    return str(meta["model"]) if isinstance(meta.get("model"), str) else None


def _usage(rows: Any) -> Iterator[tuple[int, int, int | None]]:
    for row in rows if isinstance(rows, Sequence) else ():
        if isinstance(row, Sequence) and len(row) >= 3 and isinstance(row[0], int) and isinstance(row[1], int):  # noqa: PLR2004
            yield row[0], row[1], row[2] if isinstance(row[2], int) else None


def _at(value: Mapping[str, Any]) -> float | None:
    """When a request was sent, in seconds; written as a number (of seconds, or of milliseconds) or in ISO 8601."""
    found = next((value[key] for key in TIMES if value.get(key)), None)
    if isinstance(found, int | float):
        return found / 1_000 if found > 1e11 else float(found)  # noqa: PLR2004 - seconds until the year 5138
    try:
        moment = datetime.fromisoformat(str(found))
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _session_id(value: Mapping[str, Any]) -> str:
    return next((str(value[key]) for key in SESSIONS if value.get(key)), "")
