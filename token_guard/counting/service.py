"""Counting as a service: texts, requests, files, pages and templates, each counted once for as long as it stays the same.

`CountingService.count` counts one reference and raises what went wrong; `count_all` counts many, which share the work, and tells it.
"""

from __future__ import annotations

import base64
import functools
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from token_guard.conversation import Conversation, Media
from token_guard.counting.kept import CacheUse, KeptCounts, Tokens, digest_of, tokenizer_key, tokenizer_of
from token_guard.counting.large import LARGE, CountStore
from token_guard.counting.meter import Meter
from token_guard.counting.meters import meter_for, own_meter_for
from token_guard.counting.references import (
    DEFAULT_MODEL,
    Counted,
    Data,
    Failed,
    File,
    Page,
    Piped,
    Reader,
    Reading,
    Reference,
    Request,
    Result,
    Words,
    name_of,
)
from token_guard.counting.references.batches import Batch, of_stream
from token_guard.counting.references.files import whole_text
from token_guard.counting.retry import Retry
from token_guard.counting.split import split
from token_guard.counting.templates import fill, fill_json
from token_guard.errors import ModelNotSupportedError, TokenCountError

if TYPE_CHECKING:
    from token_guard.counting.references.pages import Fetcher

__all__ = ["CountingService", "checked_model", "margin_of", "meter_of", "text_in"]

MOST_THREADS = 4
"""More read files no faster: what Python does for each is done by one at a time."""

NOTHING: Mapping[str, str] = {}


class CountingService:
    """Counts references, and remembers the counts: in memory, and behind it in a store.

    >>> CountingService().count(Words("Hello {{who}}"), variables={"who": "world"}).tokens
    2
    """

    def __init__(
        self,
        store: CountStore | None = None,
        *,
        reader: Reader | None = None,
        fetcher: Fetcher | None = None,
        retry: Retry | None = None,
        threads: int | None = None,
    ) -> None:
        """`reader` knows requests in texts, `fetcher` gets pages: without them a text is text, and no page is fetched."""
        self.store = store
        self.threads = threads or min(MOST_THREADS, os.cpu_count() or 1)
        self.stop = threading.Event()
        self._kept = KeptCounts(store)
        self._reader = reader
        self._fetcher = fetcher
        self._retry = retry or Retry()

    @property
    def use(self) -> CacheUse:
        """Hits and misses of the cache so far."""
        return self._kept.use

    def close(self, *, wait: bool = True) -> None:
        """End what is being counted, and the threads; without a wait those that are in the middle of something end behind it."""
        self.stop.set()
        if "pool" in self.__dict__:
            self.pool.shutdown(wait=wait, cancel_futures=True)
            del self.pool

    def count(self, reference: Reference, model: str | None = None, variables: Mapping[str, str] = NOTHING) -> Counted:
        """The tokens of one reference for a model, else for the one that its request names, else for gpt-4o.

        Raises TokenCountError when it cannot be read or is no text, ModelNotSupportedError for a name that cannot be a model's.
        """
        return self._retry(lambda: self.count_once(reference, model, variables))

    def count_once(self, reference: Reference, model: str | None = None, variables: Mapping[str, str] = NOTHING) -> Counted:
        """The same without trying again: raises TryAgainError for what may succeed a moment later."""
        chosen, name = checked_model(model), name_of(reference)
        if isinstance(reference, File):
            return Batch(self, chosen, variables).one(reference)
        if isinstance(reference, Page):
            return self._of_page(reference.url, chosen, variables)
        if isinstance(reference, Piped):
            return of_stream(self, reference.file, name, chosen, variables)
        if isinstance(reference, Words):
            return self.of_text(name, reference.text, chosen, variables)
        if isinstance(reference, Request):
            return self._of_request(name, chosen or reference.conversation.model or DEFAULT_MODEL, reference.conversation, None)
        return self._of_data(reference, chosen or DEFAULT_MODEL)

    def count_all(
        self,
        references: Sequence[Reference],
        model: str | None = None,
        variables: Mapping[str, str] = NOTHING,
        *,
        done: Callable[[int], object] = lambda _size: None,
    ) -> list[Result]:
        """What came of each reference, in their order; the files of a folder share one look into the store, and all share the threads.

        `done` is told the bytes that were just dealt with. When it is interrupted, what was counted of files is kept.
        """
        checked_model(model)
        others: dict[int, Future[Result]] = {}
        try:
            for place, reference in enumerate(references):
                if not isinstance(reference, File):
                    others[place] = self.pool.submit(self._told, reference, model, variables)
            files = [reference for reference in references if isinstance(reference, File)]
            counted = iter(Batch(self, model, variables, done).all(files))
            return [others[place].result() if place in others else next(counted) for place in range(len(references))]
        except BaseException as error:
            # a process that is about to end does not wait for a server, or for the end of a pipe
            self.close(wait=isinstance(error, (Exception, KeyboardInterrupt)))
            raise

    @functools.cached_property
    def pool(self) -> ThreadPoolExecutor:
        """The threads; engines release the GIL while they count."""
        self.stop.clear()
        return ThreadPoolExecutor(self.threads, thread_name_prefix="token_guard count")

    def tokens_of_text(self, text: str, model: str, content: bytes | None = None, *, far: bool = True) -> tuple[Tokens, bool]:
        """What a text counts, and whether that was known; without `far` the store is asked for large texts alone."""
        key = self.key(digest_of(text.encode("utf-8", "surrogatepass") if content is None else content), model)
        far = far or len(text) >= LARGE
        found = self._kept.get(key, far=far)
        if found is not None:
            return found, True
        counted = Tokens(meter_of(model).text(text))
        self._kept.put(key, counted, far=far)
        return counted, False

    def kept(self, digest: str, model: str) -> Tokens | None:
        """The count of a content of which only the digest is at hand."""
        return self._kept.get(self.key(digest, model))

    def keep(self, digest: str, model: str, tokens: Tokens) -> None:
        """Keep the count of a content under its digest."""
        self._kept.put(self.key(digest, model), tokens)

    def hit(self) -> None:
        """One more answer that nothing had to be counted for."""
        self._kept.note(True)

    def key(self, digest: str, model: str) -> str:
        """What the count of a content for a model is kept under."""
        return f"{tokenizer_key(model)}:{digest}"

    def of_text(
        self,
        name: str,
        text: str,
        model: str | None,
        variables: Mapping[str, str],
        *,
        content: bytes | None = None,
        far: bool = True,
    ) -> Counted:
        """A text, which may be a template, and a request in JSON where a reader says so."""
        resolved = fill(text, variables)
        template = text if resolved != text else None
        reading = self._read(text, variables, template is not None)
        chosen = checked_model(model if model is not None else reading.model) or DEFAULT_MODEL
        if reading.conversation is not None:
            key = f"{self.key(digest_of(resolved.encode('utf-8', 'surrogatepass')), chosen)}:{chosen}"
            return self._of_request(name, chosen, reading.conversation, template, key)
        tokens, cached = self.tokens_of_text(resolved, chosen, None if template else content, far=far)
        raw = None if template is None else self.tokens_of_text(template, chosen, far=far)[0].tokens
        return Counted(name, chosen, tokens.tokens, raw, {}, margin_of(chosen), cached, reading.note)

    def _read(self, text: str, variables: Mapping[str, str], is_template: bool) -> Reading:
        if self._reader is None:
            return Reading()
        return self._reader(fill_json(text, variables) if is_template else text)

    def _of_request(self, name: str, model: str, conversation: Conversation, template: str | None, key: str = "") -> Counted:
        found = self._kept.get(key) if key else None
        split_ = found.split if found else split(meter_of(model), conversation)
        if key and found is None:
            self._kept.put(key, Tokens(sum(split_.values()), split_))
        raw = None
        if template is not None and self._reader is not None and (unfilled := self._reader(template).conversation) is not None:
            raw = meter_of(model).measure(unfilled).tokens
        return Counted(name, model, sum(split_.values()), raw, split_, margin_of(model), found is not None)

    def _of_data(self, data: Data, model: str) -> Counted:
        text = text_in(data.media)
        if text is not None:
            return self.of_text(data.name, text, model, NOTHING)
        return Counted(data.name, model, meter_of(model).media(data.media), margin=margin_of(model))

    def _of_page(self, url: str, model: str | None, variables: Mapping[str, str]) -> Counted:
        if self._fetcher is None:
            raise TokenCountError("pages are not fetched here")
        kept = (lambda digest: self.kept(digest, checked_model(model) or DEFAULT_MODEL)) if not variables else (lambda _digest: None)
        page = self._fetcher.fetch(url, kept)
        if page.tokens is not None:
            chosen = checked_model(model) or DEFAULT_MODEL
            return Counted(url, chosen, page.tokens.tokens, split=page.tokens.split, margin=margin_of(chosen), cached=True)
        return self.of_text(url, page.text, model, variables)

    def _told(self, reference: Reference, model: str | None, variables: Mapping[str, str]) -> Result:
        try:
            return self.count(reference, model, variables)
        except (TokenCountError, ModelNotSupportedError) as error:
            return Failed(name_of(reference), str(error))


def text_in(media: Media) -> str | None:
    """The text of a data URL that holds text; None for any other media.

    >>> text_in(Media("file", "data:text/plain;base64,SGVsbG8=")), text_in(Media("image", "https://example.com/a.png"))
    ('Hello', None)
    """
    head, comma, body = media.source.partition(",")
    if not comma or not head.startswith("data:text/"):
        return None
    try:
        content = base64.b64decode(body, validate=True) if head.endswith(";base64") else unquote_to_bytes(body)
    except ValueError:
        return None
    return whole_text(content).text


def checked_model(model: str | None) -> str | None:
    """The model as it is; raises ModelNotSupportedError for a name that cannot be one."""
    if model is not None and (not isinstance(model, str) or not model.strip()):
        raise ModelNotSupportedError("the model name is empty; name one, such as gpt-4o")
    return model


def meter_of(model: str) -> Meter:
    """The meter that counts by the model's own vocabulary where one is at hand."""
    return own_meter_for(model) or meter_for(model)


@functools.lru_cache(maxsize=4_096)
def margin_of(model: str) -> float:
    """By which share a provider may count more than its meter."""
    return 0.0 if tokenizer_of(model).name.endswith(" by its own") else round(meter_for(model).doubt, 4)
