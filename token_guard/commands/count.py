"""`token-guard count`: the tokens of files, folders, pages and chat requests, each against the window of its own model."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from token_guard.commands import logs
from token_guard.commands.counted import Count, Row
from token_guard.commands.inputs import InputError, variables
from token_guard.commands.progress import progress
from token_guard.commands.readings import parsed, reading
from token_guard.counting.references import DEFAULT_MODEL, Counted, Failed, File, Page, Piped, Reference, Request, Result
from token_guard.counting.references.addresses import Hosts
from token_guard.counting.references.pages import Fetcher
from token_guard.counting.service import CountingService, checked_model, margin_of
from token_guard.errors import ModelNotSupportedError, TokenCountError
from token_guard.limits import LimitChain, advice
from token_guard.settings import Settings
from token_guard.stores import open_store

__all__ = ["count"]

MEMORY = "memory:"
"""The store of those who want none."""


@dataclass(slots=True)
class _Gathered:
    """What there is to count, and a line on each thing that cannot be."""

    references: list[Reference] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def count(
    names: Sequence[str],
    urls: Sequence[str],
    model: str | None,
    assignments: Sequence[str],
    *,
    cache: bool = True,
) -> Count:
    """Count each of the files and folders named ("-" is standard input) and what stands at each URL, for the model, else for the one that
    its request names, else for gpt-4o.

    Raises InputError for a variable that is none, ModelNotSupportedError for an empty model.
    """
    values, settings = variables(assignments), Settings.load()
    store = open_store(settings.store if cache else MEMORY)
    fetcher = Fetcher(Hosts(settings.counting.allowed_hosts), store)
    service = CountingService(store, reader=reading, fetcher=fetcher)
    chain = LimitChain(**settings.limits.of_the_chain)
    chain.look_up(model or DEFAULT_MODEL)  # what reading the map of models takes is free again before anything is counted
    try:
        gathered = _gathered(names, urls)
        results = _counted(service, gathered.references, checked_model(model), values)
        rows, errors = _rows_of_lines(service, gathered.lines, model)
    finally:
        service.close()
        store.close()
    counted = [result for result in results if isinstance(result, Counted)]
    failed = [result for result in results if isinstance(result, Failed)]
    errors = [*gathered.errors, *(f"{one.name}: {one.reason}" for one in failed if not one.skipped), *errors]
    skipped = tuple(one.name for one in failed if one.skipped)
    if not (counted or rows or skipped or errors):
        errors = ["nothing to count: no file in what was named"]
    return _against_windows([*map(_row, counted), *rows], errors, skipped, chain)


def _gathered(names: Sequence[str], urls: Sequence[str]) -> _Gathered:
    """Folders as the files below them, in the order in which they were named."""
    found = _Gathered(references=[Page(url) for url in urls])
    for name in names:
        if name == "-":
            found.references.append(Piped(sys.stdin.buffer))
        elif os.path.isdir(name):  # noqa: PTH112 - a Path would drop the "./" that was typed
            found.references += _below(name, found)
        elif logs.holds_requests(name):
            found.lines.append(name)
        else:
            found.references.append(File(name))
    return found


def _below(folder: str, found: _Gathered) -> Iterator[File]:
    from token_guard.commands.walk import walk

    def tell(error: OSError) -> None:
        found.errors.append(f"{error.filename}: {error.strerror}")

    for path in walk(folder, tell):
        if logs.holds_requests(path):
            found.lines.append(path)
        else:
            yield File(path, found=True)


def _counted(service: CountingService, references: Sequence[Reference], model: str | None, values: Mapping[str, str]) -> list[Result]:
    total = sum(map(_size, references)) if sys.stderr.isatty() else 0
    with progress("counting", total) as done:
        return service.count_all(references, model, values, done=done)


def _size(reference: Reference) -> int:
    try:
        return os.stat(reference.path).st_size if isinstance(reference, File) else 0  # noqa: PTH116
    except OSError:
        return 0


def _row(counted: Counted) -> Row:
    return Row(
        counted.name,
        counted.model,
        counted.tokens,
        counted.split,
        counted.margin,
        counted.raw,
        counted.cached,
        counted.note,
        largest=counted.tokens,
    )


@dataclass(slots=True)
class _Sum:
    """The requests of one log for one model."""

    requests: int = 0
    largest: int = 0
    split: Counter[str] = field(default_factory=Counter)


def _rows_of_lines(service: CountingService, names: Sequence[str], model: str | None) -> tuple[list[Row], list[str]]:
    """A row for each model of each log, and a line on each line that holds no request."""
    rows: list[Row] = []
    errors: list[str] = []
    for name in names:
        try:
            sums = _sums(service, name, model, errors)
        except InputError as error:
            errors.append(str(error))
            continue
        for chosen, one in sums.items():
            note = f"{one.requests:,} request{'s' if one.requests > 1 else ''}, the largest of {one.largest:,} tokens"
            rows.append(Row(name, chosen, one.split.total(), dict(one.split), margin_of(chosen), note=note, largest=one.largest))
    return rows, errors


def _sums(service: CountingService, name: str, model: str | None, errors: list[str]) -> dict[str, _Sum]:
    sums: dict[str, _Sum] = {}
    for line in logs.entries(name):
        if isinstance(line, logs.Broken):
            errors.append(f"{line.place}: {line.reason}")
            continue
        try:
            counted = _request_of_a_line(service, line, model)
        except (TokenCountError, ModelNotSupportedError) as error:
            errors.append(f"{line.name}: {error}")
            continue
        one = sums.setdefault(counted.model, _Sum())
        one.requests += 1
        one.largest = max(one.largest, counted.tokens)
        one.split.update(counted.split)
    return sums


def _request_of_a_line(service: CountingService, line: logs.Entry, model: str | None) -> Counted:
    found = parsed(line.logged.request)
    if found.conversation is None:
        raise TokenCountError(found.note.partition(":")[0])
    return service.count_once(Request(found.conversation, line.name), model if model is not None else found.model or DEFAULT_MODEL)


def _against_windows(rows: Sequence[Row], errors: Sequence[str], skipped: Sequence[str], chain: LimitChain) -> Count:
    limits = {model: chain.look_up(model) for model in dict.fromkeys(row.model for row in rows)}
    unknown = [advice(model, None, limit) for model, limit in limits.items() if limit.source == "default"]
    return Count(tuple(rows), limits, (*errors, *unknown), tuple(skipped))
