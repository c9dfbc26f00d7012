"""Counting files: many in one go, each once for as long as it stays the same, the large ones as they are read."""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from token_guard.counting.engines import settle
from token_guard.counting.families import family_of
from token_guard.counting.kept import Tokens, digest_of, hasher, tokenizer_key, tokenizer_of
from token_guard.counting.references import DEFAULT_MODEL, Counted, Failed, File, Result
from token_guard.counting.references.files import (
    HEAD,
    READ,
    STREAMED,
    Identity,
    decoded,
    digest_of_file,
    head_of,
    not_text,
    whole_text,
)
from token_guard.counting.references.folders import Folder, Folders
from token_guard.counting.streams import count_stream
from token_guard.counting.vocabularies import VOCABULARIES
from token_guard.errors import ModelNotSupportedError, TokenCountError

if TYPE_CHECKING:
    from token_guard.counting.service import CountingService

__all__ = ["FILES_AT_A_TIME", "Batch", "of_stream"]

FILES_AT_A_TIME = 32
"""Files that a thread gets in one go: what handing over costs is shared by them, and the last thread does not work alone for long."""

LARGEST_REQUEST = 512 * 1024 * 1024
"""Bytes up to which what may be a request in JSON is read whole; a model's window holds a hundredth of that."""

PATIENCE_SECONDS = 60.0
"""A file that a model's own vocabulary would take longer for is estimated."""

MENDED = "bytes that are no UTF-8 count as U+FFFD"
ESTIMATED = "too large for the model's own vocabulary: estimated"
TOO_LARGE = "too large to be read as a request, or as a template: counted as text"


class _Missing(NamedTuple):
    """A file that has to be counted: its place among the results, where it is kept, and how large it was."""

    place: int
    file: File
    folder: Folder
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Files that are counted for one model, with the same variables."""

    service: CountingService
    model: str | None
    variables: Mapping[str, str]
    done: Callable[[int], object] = lambda _size: None

    def one(self, file: File) -> Counted:
        """The count of one file; raises TokenCountError or ModelNotSupportedError."""
        (result,) = self.all([file])
        if isinstance(result, Failed):
            raise TokenCountError(result.reason)
        return result

    def all(self, files: Sequence[File]) -> list[Result]:
        """What came of each file, in their order. What was counted is kept also when it ends early."""
        folders, results, missing = Folders(self.service.store), {}, []
        keys = {name: self._key(name) for name in {os.path.dirname(file.path) for file in files}}  # noqa: PTH120 - 5,000 times
        opened = folders.open(keys.values())
        for place, file in enumerate(files):
            folder_name, name = os.path.split(file.path)
            found = self._look_up(place, file, name, opened[keys[folder_name]])
            if isinstance(found, _Missing):
                missing.append(found)
            else:
                results[place] = found
        try:
            results.update(self._counted(missing))
        finally:
            folders.save()
        return [results[place] for place in range(len(files))]

    def _look_up(self, place: int, file: File, name: str, folder: Folder) -> Result | _Missing:
        """What is known of a file; why it cannot be counted; or that it has to be."""
        try:
            found = os.stat(file.path)  # noqa: PTH116 - 5,000 times, at half the price of a Path
        except (OSError, ValueError) as error:
            return Failed(file.path, getattr(error, "strerror", None) or str(error))
        if not stat.S_ISREG(found.st_mode) and (stat.S_ISDIR(found.st_mode) or not stat.S_ISFIFO(found.st_mode)):
            return Failed(file.path, "is a folder" if stat.S_ISDIR(found.st_mode) else "is no file of text but a device")
        known = folder.get(file.path, name, Identity.of(found))
        if known is None or (isinstance(known, Failed) and not file.found):
            return _Missing(place, file, folder, name, found.st_size)
        self.service.hit()
        self.done(found.st_size)
        return known

    def _key(self, folder: str) -> str:
        """What is kept of a folder depends on what was put into its templates, and on the model that was asked for."""
        try:
            real = os.path.realpath(folder)
        except ValueError:  # no name of a folder, as a look at the file will say
            real = folder
        asked = (real, self.model, sorted(self.variables.items()))
        return digest_of(json.dumps(asked).encode())

    def _counted(self, missing: Sequence[_Missing]) -> Iterator[tuple[int, Result]]:
        if missing:
            settle(tokenizer_of(self.model or DEFAULT_MODEL).encoding, sum(one.size for one in missing))
        small = [one for one in missing if one.size < STREAMED]
        heaps = [small[start : start + FILES_AT_A_TIME] for start in range(0, len(small), FILES_AT_A_TIME)]
        waiting: list[Future[list[tuple[int, Result]]]] = []
        if len(heaps) > 1:
            waiting = [self.service.pool.submit(self._heap, heap) for heap in heaps]
        elif heaps:
            yield from self._heap(heaps[0])
        for one in missing:
            if one.size >= STREAMED:
                yield one.place, self._fresh(one)
        for future in waiting:
            yield from future.result()

    def _heap(self, heap: Sequence[_Missing]) -> list[tuple[int, Result]]:
        return [(one.place, self._fresh(one)) for one in heap if not self.service.stop.is_set()]

    def _fresh(self, one: _Missing) -> Result:
        """What came of a file, which is kept where a change after it was read would show."""
        try:
            with open(one.file.path, "rb", buffering=0) as file:  # noqa: PTH123
                read_at, found = time.time_ns(), os.fstat(file.fileno())
                before = Identity.of(found)
                result = self._read(one.file, file, found)
                settled = before.is_settled(read_at) and Identity.of(os.fstat(file.fileno())) == before
        except OSError as error:
            return Failed(one.file.path, error.strerror or str(error))
        except (TokenCountError, ModelNotSupportedError) as error:
            return Failed(one.file.path, str(error))
        if settled and (isinstance(result, Counted) or result.skipped):
            one.folder.put(one.name, before, result, tokenizer_key(result.model) if isinstance(result, Counted) else "")
        return result

    def _read(self, wanted: File, file: BinaryIO, found: os.stat_result) -> Result:
        if not stat.S_ISREG(found.st_mode):
            return of_stream(self.service, file, wanted.path, self.model, self.variables)
        if found.st_size >= STREAMED:
            return self._large(wanted, file, found.st_size)
        content = file.read()
        self.done(len(content))
        if why := not_text(content):
            return Failed(wanted.path, why, skipped=wanted.found)
        text = whole_text(content)
        counted = self.service.of_text(wanted.path, text.text, self.model, self.variables, content=content, far=False)
        return _noted(counted, MENDED) if text.mended else counted

    def _large(self, wanted: File, file: BinaryIO, size: int) -> Result:
        head = head_of(file)
        file.seek(0)
        if why := not_text(head, ends=False):
            self.done(size)
            return Failed(wanted.path, why, skipped=wanted.found)
        if self.variables or _may_be_request(head):
            if size <= LARGEST_REQUEST:
                content = file.read(size)
                self.done(len(content))
                return self.service.of_text(wanted.path, whole_text(content).text, self.model, self.variables)
            return _noted(self._streamed(wanted, file, size), TOO_LARGE)
        return self._streamed(wanted, file, size)

    def _streamed(self, wanted: File, file: BinaryIO, size: int) -> Counted:
        """A file that is looked for by its digest, and counted where nobody knows that: as much of it as there was at first."""
        model = self.model or DEFAULT_MODEL
        known = self.service.kept(digest_of_file(wanted.path, size), model)
        if known is not None:
            self.done(size)
            return Counted(wanted.path, model, known.tokens, cached=True)
        return _counted_stream(self.service, _pieces(file, size, self.done), wanted.path, model, size)


def of_stream(service: CountingService, file: BinaryIO, name: str, model: str | None, variables: Mapping[str, str]) -> Counted:
    """What comes out of a pipe: read whole where it ends soon or may be a request, else counted as it comes."""
    start = b"".join(_pieces(file, STREAMED, lambda _size: None))
    if why := not_text(start):
        raise TokenCountError(why)
    if len(start) < STREAMED or variables or _may_be_request(start[:HEAD]):
        rest = b"".join(_pieces(file, LARGEST_REQUEST, lambda _size: None)) if len(start) == STREAMED else b""
        return service.of_text(name, whole_text(start + rest).text, model, variables)
    return _counted_stream(service, _with(start, _pieces(file, None, lambda _size: None)), name, model or DEFAULT_MODEL, 0)


def _with(start: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield start
    yield from rest


def _counted_stream(service: CountingService, pieces: Iterator[bytes], name: str, model: str, size: int) -> Counted:
    own, usual = tokenizer_of(model), family_of(model)
    is_slow = own.encoding in VOCABULARIES and size / VOCABULARIES[own.encoding].characters_per_second > PATIENCE_SECONDS
    family = usual if is_slow else own
    digest = hasher()
    mended: list[bool] = []
    tokens = count_stream(_texts(pieces, digest.update, mended), family, service.threads, service.stop)
    if service.stop.is_set():
        raise TokenCountError("stopped")
    if not is_slow:
        service.keep(digest.hexdigest(), model, Tokens(tokens))
    notes = [note for note, holds in ((MENDED, any(mended)), (ESTIMATED, is_slow)) if holds]
    margin = round(family.safe_factor - 1.0, 4) if is_slow or family is usual else 0.0
    return Counted(name, model, tokens, margin=margin, note="; ".join(notes))


def _texts(pieces: Iterator[bytes], digest: Callable[[bytes], object], mended: list[bool]) -> Iterator[str]:
    def watched() -> Iterator[bytes]:
        for piece in pieces:
            digest(piece)
            yield piece

    for text in decoded(watched()):
        if text.mended and not mended:
            mended.append(True)
        yield text.text


def _pieces(file: BinaryIO, size: int | None, done: Callable[[int], object]) -> Iterator[bytes]:
    """The next `size` bytes of a file, or all that there are."""
    left = size
    while (left is None or left) and (piece := file.read(READ if left is None else min(READ, left))):
        left = None if left is None else left - len(piece)
        done(len(piece))
        yield piece


def _may_be_request(head: bytes) -> bool:
    """Whether a large content may be one request in JSON: an object or a list of more than its first line."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:1] not in (b"{", b"["):
        return False
    first_line = start.partition(b"\n")
    try:
        json.loads(first_line[0])
    except ValueError:
        return True
    return not first_line[1]


def _noted(counted: Counted, note: str) -> Counted:
    return replace(counted, note="; ".join(filter(None, (counted.note, note))))
