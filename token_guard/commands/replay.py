"""`token-guard replay`: recorded requests through the guard, and what their prompts would cost before and after."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from token_guard.commands import logs
from token_guard.commands.inputs import InputError, read_text
from token_guard.commands.progress import Advance, progress
from token_guard.commands.replayed import Replayed
from token_guard.errors import ConfigError
from token_guard.settings import Settings
from token_guard.simulation.totals import Total, added
from token_guard.simulation.trial import Options, Sent, Session, trial

__all__ = ["replay"]

AHEAD = 4
"""Sessions that wait for each worker: enough that none is idle, and few enough to be held."""


@dataclass(slots=True)
class _Read:
    """What the logs hold, and a line on each of their lines that says nothing."""

    sessions: list[Session] = field(default_factory=list)
    loose: dict[str, list[Sent]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)


def replay(
    names: Sequence[str],
    model: str | None,
    max_input_tokens: int | None,
    settings: str | None,
    against: str | None,
    html: str | None,
    *,
    workers: int | None = None,
) -> Replayed:
    """What the guard would do to the requests in these logs; raises InputError when there is none, ConfigError for wrong settings.

    `settings` and `against` name files of options, or a LiteLLM configuration that has them; `against` may be the Python of an
    environment with another version of token_guard.
    """
    other = _settings_in(against) if against and not _is_python(against) else None
    options = Options(_settings_in(settings), other, model, max_input_tokens)
    sessions, errors = _sessions(names)
    if not sessions:
        raise InputError("; ".join(errors) or "no request in the logs that were named")
    with progress("replaying", sum(len(session.sent) for session in sessions), "requests") as done:
        totals = added(_tried(sessions, options, done, workers or os.cpu_count() or 1))
    version = _by_version(against, names, options, settings) if against and _is_python(against) else None
    replayed = Replayed(tuple(names), tuple(totals), tuple(errors), against or "", version)
    if html:
        _written(html, replayed)
    return replayed


def _settings_in(name: str | None) -> str:
    """Options as JSON: those of the environment, below those of a file."""
    if name is None:
        return Settings.load().model_dump_json(exclude_unset=True)
    import yaml

    try:
        document = yaml.safe_load(read_text(name))
    except yaml.YAMLError as error:
        raise ConfigError(f"{name}: not YAML: {' '.join(str(error).split())}") from None
    if isinstance(document, Mapping) and ("callback_settings" in document or "model_list" in document):
        section = document.get("callback_settings")
        document = section.get("token_guard") if isinstance(section, Mapping) else None
    try:
        return Settings.load(document).model_dump_json(exclude_unset=True)
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from None


def _sessions(names: Sequence[str]) -> tuple[list[Session], list[str]]:
    """Sessions as they were recorded, then single requests by the session that they say they are of, or alone."""
    found = _Read()
    for name in names:
        try:
            for line in logs.entries(name):
                _sort_in(line, found)
        except InputError as error:
            found.errors.append(str(error))
    for session, sent in found.loose.items():
        found.sessions.append(Session(session, tuple(sorted(sent, key=lambda one: one.at or 0.0))))
    # the longest first, so that no worker is left with one at the end
    return sorted(found.sessions, key=lambda session: -len(session.sent)), found.errors


def _sort_in(line: logs.Line, found: _Read) -> None:
    if isinstance(line, logs.Broken):
        found.errors.append(f"{line.place}: {line.reason}")
    elif line.is_session:
        sent = tuple(_turns(line))
        if sent:
            found.sessions.append(Session(line.name, sent))
    else:
        found.loose.setdefault(line.logged.session or _kinship(line.logged.request), []).append(Sent(line.logged.request, line.logged.at))


def _turns(entry: logs.Entry) -> Iterator[Sent]:
    """The requests of a recorded session: the messages before each of the assistant's; of one without any, all messages."""
    request = entry.logged.request
    messages: Sequence[Any] = request["messages"]
    counted = {place: (prompt, read) for place, prompt, read in entry.usage}
    told = False
    for place, message in enumerate(messages):
        role = message.get("role") if isinstance(message, Mapping) else None
        if role == "assistant" and told:
            yield Sent({**request, "messages": messages[:place]}, None, message, counted.get(place))
        told = told or role not in ("system", "developer", None)
    if told and not any(isinstance(message, Mapping) and message.get("role") == "assistant" for message in messages):
        yield Sent(request)


def _kinship(request: Mapping[str, Any]) -> str:
    """What requests of one conversation have in common where the log names no session: the model, and how they begin."""
    messages = request.get("messages")
    head = messages[:2] if isinstance(messages, list) else request.get("input") or request.get("prompt")
    return json.dumps([request.get("model"), head], default=str)


def _tried(sessions: Sequence[Session], options: Options, done: Advance, workers: int) -> Iterator[Total]:
    """The totals of all sessions, by processes of their own; none of those is left behind."""
    if workers == 1 or len(sessions) == 1:
        for session in sessions:
            yield from trial(session, options)
            done(len(session.sent))
        return
    waiting: dict[Future[list[Total]], int] = {}
    rest = iter(sessions)
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_worker)
    try:
        for session in rest:
            waiting[pool.submit(trial, session, options)] = len(session.sent)
            if len(waiting) >= AHEAD * workers:
                yield from _finished(waiting, done)
        while waiting:
            yield from _finished(waiting, done)
        pool.shutdown()
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
            process.terminate()
            process.join()
        raise


def _worker() -> None:
    """Ctrl-C reaches all processes of a terminal; who started the workers ends them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _finished(waiting: dict[Future[list[Total]], int], done: Advance) -> Iterator[Total]:
    ready, _ = wait(waiting, return_when=FIRST_COMPLETED)
    for future in ready:
        done(waiting.pop(future))
        yield from future.result()


def _is_python(name: str) -> bool:
    """Whether a name is that of an interpreter rather than of a file of settings."""
    return os.access(name, os.X_OK) and Path(name).is_file() and Path(name).name.startswith("python")


def _by_version(python: str, names: Sequence[str], options: Options, settings: str | None) -> Mapping[str, Any]:
    """What the token_guard of another environment says of the same logs."""
    more = [("--model", options.model), ("--max-input-tokens", options.max_input_tokens), ("--settings", settings)]
    arguments = [str(word) for option, value in more if value is not None for word in (option, value)]
    command = [python, "-m", "token_guard", "replay", *names, "--json", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        found: Mapping[str, Any] = json.loads(done.stdout)
    except ValueError:
        said = done.stderr.strip().splitlines()
        raise InputError(f"{python}: its token_guard did not replay the logs: {said[-1] if said else 'it said nothing'}") from None
    return found


def _written(name: str, replayed: Replayed) -> None:
    """The report as a page, complete or not at all."""
    from token_guard.commands.replay_page import page

    target = Path(name)
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=target.absolute().parent, prefix=f".{target.name}.", delete=False
        ) as file:
            file.write(page(replayed.as_json()))
        Path(file.name).chmod(0o666 & ~_umask())
        Path(file.name).replace(target)
    except OSError as error:
        raise InputError(f"{name}: {error.strerror}") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
