"""`token-guard replay`: recorded requests through the guard, and what their prompts would cost before and after."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from token_guard.commands import logs
from token_guard.commands.engines import Engine, Where, engine_for
from token_guard.commands.inputs import InputError, read_text
from token_guard.commands.interrupts import deferred
from token_guard.commands.outputs import write_whole
from token_guard.commands.progress import progress
from token_guard.commands.replayed import Replayed
from token_guard.errors import ConfigError
from token_guard.settings import Settings
from token_guard.simulation import Options, Sent, Session, Total, Variant, added, models_of

__all__ = ["replay"]


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
    where: Where | None = None,
) -> Replayed:
    """What the guard would do to the requests in these logs; raises InputError when there is none, ConfigError for wrong settings,
    EngineError where it cannot be run.

    `settings` and `against` name files of options, or a LiteLLM configuration that has them; `against` may be the Python of an
    environment with another version of token_guard.
    """
    if html and not (folder := Path(html).absolute().parent).is_dir():
        raise InputError(f"{html}: there is no folder {folder}")
    if "-" in names and against and _is_python(against):
        raise InputError("standard input can be read once: write it to a file, which both versions can read")
    engine = engine_for(where or Where())
    own, other = _settings_in(settings), _settings_in(against) if against and not _is_python(against) else None
    sessions, errors = _sessions(names)
    if not sessions:
        raise InputError("; ".join(errors) or "no request in the logs that were named")
    models = models_of(sessions, model)
    options = Options(Variant.of(own, models), Variant.of(other, models) if other else None, model, max_input_tokens)
    totals = _totals(sessions, options, engine)
    version = _by_version(against, names, options, settings) if against and _is_python(against) else None
    replayed = Replayed(tuple(names), tuple(totals), tuple(errors), against or "", version)
    if html:
        from token_guard.commands.replay_page import page

        write_whole(html, page(replayed.as_json()))
    return replayed


def _totals(sessions: Sequence[Session], options: Options, engine: Engine) -> list[Total]:
    """The totals of all sessions, added in the order of the sessions: sums of fractions depend on it, and whoever is first is chance."""
    found: dict[int, list[Total]] = {}
    with (
        progress("replaying", sum(len(session.sent) for session in sessions), "requests") as done,
        closing(engine(sessions, options)) as tried,
    ):
        for place, totals in tried:
            found[place] = totals
            done(len(sessions[place].sent))
    return added(total for place in sorted(found) for total in found[place])


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


def _is_python(name: str) -> bool:
    """Whether a name is that of an interpreter rather than of a file of settings."""
    return os.access(name, os.X_OK) and Path(name).is_file() and Path(name).name.startswith("python")


def _by_version(python: str, names: Sequence[str], options: Options, settings: str | None) -> Mapping[str, Any]:
    """What the token_guard of another environment says of the same logs."""
    more = [("--model", options.model), ("--max-input-tokens", options.max_input_tokens), ("--settings", settings)]
    arguments = [str(word) for option, value in more if value is not None for word in (option, value)]
    command = [python, "-m", "token_guard", "replay", *names, "--json", *arguments]
    out, err = _output_of(command)
    try:
        found: Mapping[str, Any] = json.loads(out)
    except ValueError:
        said = err.strip().splitlines()
        raise InputError(f"{python}: its token_guard did not replay the logs: {said[-1] if said else 'it said nothing'}") from None
    return found


def _output_of(command: Sequence[str]) -> tuple[str, str]:
    """What a command says; it is ended, with all that it has started, where this one is."""
    with deferred():
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        return process.communicate()
    except BaseException:
        with deferred():
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            process.kill()
            process.wait()
        raise
