"""The meter: how many tokens a conversation counts, by the cheapest certain means."""

from __future__ import annotations

import marshal
import math
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from token_guard.conversation import Conversation, Media, Message, Outline, Part, Text
from token_guard.conversation.many import MANY, once_for_many, once_in_a_row
from token_guard.counting.anatomy import PER_MESSAGE, PER_NAME, PER_PART, Arguments, MediaPricing, dissect, media_of, shown
from token_guard.counting.cache import CountCache
from token_guard.counting.engines import engine_for, total, warm_up
from token_guard.counting.families import Family
from token_guard.counting.large import LARGE
from token_guard.counting.loading import is_unsure
from token_guard.counting.slices import SLICE, repaired
from token_guard.counting.tools import ToolPrice, compact
from token_guard.counting.vocabularies import VOCABULARIES
from token_guard.report import DecidedBy

__all__ = ["Measure", "Meter"]

REPLY_PRIMING = 3
"""Every reply is primed with <|start|>assistant<|message|> (OpenAI cookbook, How_to_count_tokens_with_tiktoken)."""


LOOKED_THROUGH = frozenset({"file", "audio", "video"})
"""Kinds of media whose price takes a look at all of their data."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A conversation's tokens, and what settled them: a proven bound (on all texts, or on those that are new), remembered counts, or the
    tokenizer.

    Measured against a limit, `tokens` above it is a certain lower bound; at or below it an upper bound where a bound settled it. In all
    other cases it is the family's best estimate.
    """

    tokens: int
    decided_by: DecidedBy


class Meter:
    """Counts for one tokenizer family and its providers' prices; every count of a text goes through the process's cache."""

    __slots__ = (
        "_bytewise",
        "_cache",
        "_encoding",
        "_exact",
        "_frames",
        "_in_a_row",
        "_of_parts",
        "_price",
        "_rate",
        "_salt",
        "_tokenizer",
        "_tools",
    )

    def __init__(self, tokenizer: Family, price: MediaPricing, tools: ToolPrice, cache: CountCache) -> None:
        self._tokenizer = tokenizer
        self._encoding = tokenizer.encoding
        self._exact = tokenizer.exact
        self._rate = tokenizer.tokens_per_byte
        self._frames = tokenizer.frames
        self._bytewise = self._rate == 1.0 and not self._frames.parameter
        self._price = price
        self._tools = tools
        self._cache = cache
        # meters share the cache: the salt keeps their entries apart, and keys unpredictable where str hashes are
        self._salt = secrets.randbits(61)
        self._of_parts = once_for_many(self._parts)
        self._in_a_row = once_in_a_row(lambda messages: sum(map(self.message, messages)))

    @property
    def family(self) -> str:
        """The tokenizer family's name."""
        return self._tokenizer.name

    def warm_up(self) -> str:
        """Load the engines and wait for the fastest; returns the name of the one in use."""
        return warm_up(self._tokenizer.encoding)

    def margin(self, window: int) -> int:
        """Tokens of a window to leave free because the family's counts are estimates; 0 where they are exact."""
        return math.ceil(window * (1.0 - 1.0 / self._tokenizer.safe_factor))

    @property
    def doubt(self) -> float:
        """The share by which a provider may count more than this meter; 0.0 where the encoding is the model's own."""
        return self._tokenizer.safe_factor - 1.0

    def text(self, text: str) -> int:
        """Tokens of a text."""
        key = hash(text) ^ self._salt ^ (len(text) << 64)
        found = self._cache.young.get(key)
        return self._recall(text, key) if found is None else found

    def sum_of_texts(self, texts: Iterable[str]) -> int:
        """Tokens of several texts, each for itself."""
        young, salt, tokens = self._cache.young, self._salt, 0
        for text in texts:
            key = hash(text) ^ salt ^ (len(text) << 64)
            found = young.get(key)
            tokens += self._recall(text, key) if found is None else found
        return tokens

    def measure_text(self, text: str, limit: int) -> Measure:
        """Tokens of a text, or a proven bound on them that is within the limit."""
        bound = self._bound((text,))
        return Measure(bound, "bound") if bound <= limit else Measure(self.text(text), "count")

    def media(self, media: Media) -> int:
        """Tokens of an image, a sound or a file, by its provider's formula; errs up where only the kind is known."""
        if media.kind not in LOOKED_THROUGH:
            return self._price(media)
        # a document is looked through for its pages, once
        key = hash((media.kind, media.media_type, media.source)) ^ ~self._salt ^ (len(media.source) << 64)
        found = self._cache.get(key)
        if found is None:
            found = self._price(media)
            self._cache.put(key, found)
        return found

    @property
    def slopes(self) -> tuple[float, float]:
        """Least and most of a provider's counts of long prompts, as a share of this meter's."""
        return self._tokenizer.slopes

    def is_bound(self, conversation: Conversation) -> bool:
        """Whether the count of a conversation holds anything that is estimated upward or may not be in the prompt: media whose price is
        not certain, sealed content, tools that wait for a search or that a server defines. It teaches nothing about the tokenizer."""
        return any(map(is_unsure, conversation.tools or ())) or self.holds_estimates(conversation)

    def holds_estimates(self, conversation: Conversation) -> bool:
        """Whether the count of a conversation holds the upper bound on the price of anything."""
        with_files = conversation.documents is not None and conversation.documents.media
        return bool(with_files) or self.estimated(conversation.messages) > 0

    def estimated(self, messages: Iterable[Message]) -> int:
        """Of what messages count, the tokens that are no more than an upper bound: media whose price is not certain, sealed content."""
        return sum(self.media(media) for media in media_of(messages) if not self._price.is_certain(media))

    def seconds(self, characters: int) -> float:
        """About how long it takes to count so many characters that nobody has counted; 0.0 where it is nothing to wait for."""
        speed = VOCABULARIES[self._tokenizer.encoding].characters_per_second if self._tokenizer.encoding in VOCABULARIES else 0
        return characters / speed if speed else 0.0

    def texts(self, messages: Iterable[Message]) -> list[str]:
        """The texts that are counted for messages."""
        texts: list[str] = []
        for message in messages:
            dissect(message, self._frames, self.media, texts)
        return texts

    def characters(self, messages: Iterable[Message]) -> int:
        """Characters of the texts that are counted for messages."""
        return sum(map(len, self.texts(messages)))

    def message(self, message: Message) -> int:
        """Tokens of one message with its frame."""
        if len(message.parts) == 1 and type(part := message.parts[0]) is Text and not message.name:  # nearly every message of talk
            return PER_MESSAGE + self.text(part.text)
        if len(message.parts) >= MANY:
            return self._of_parts(message.parts) + (PER_NAME + self.text(message.name) if message.name else 0)
        texts: list[str] = []
        fixed = dissect(message, self._frames, self.media, texts)
        return fixed + self.sum_of_texts(texts)

    def messages(self, messages: Iterable[Message]) -> int:
        """Tokens of messages, without what surrounds them in a request."""
        return self._in_a_row(messages)

    def overhead(self, conversation: Conversation) -> int:
        """Tokens of everything that is not a message: reply priming, tool definitions, tool choice, response format, documents."""
        around = (conversation.tools, conversation.tool_choice, conversation.response_format)
        documents = conversation.documents
        if not any(around) and not documents:
            return REPLY_PRIMING
        key = _fingerprint((*around, documents.text) if documents else around) ^ self._salt
        found = self._cache.get(key)
        if found is None:
            found = REPLY_PRIMING + self._tools.fixed(*around) + self.sum_of_texts(self._tools.texts(*around))
            found += self.text(documents.text) if documents else 0
            self._cache.put(key, found)
        return found

    def measure(self, conversation: Conversation, limit: int | None = None) -> Measure:
        """Tokens of a request; with a limit, only as much work as it takes to know on which side of it they are."""
        texts: list[str] = []
        fixed = self.overhead(conversation)
        for message in conversation.messages:
            fixed += dissect(message, self._frames, self.media, texts)
        if limit is not None and (bound := fixed + self._bound(texts)) <= limit:
            return Measure(bound, "bound")
        return self._settle(fixed, texts, limit)

    def glance(self, conversation: Conversation, outline: Outline, limit: int) -> Measure | None:
        """Tokens of the request that an outline is of, when they are within the limit; None when they are not.

        `conversation` is all of it but its messages.
        """
        fixed = self.overhead(conversation) + outline.messages * PER_MESSAGE + outline.calls * (self._frames.call + 2 * PER_PART)
        fixed += sum(map(self.media, outline.media))
        if (bound := fixed + self._bound(outline.texts)) <= limit:
            return Measure(bound, "bound")
        measure = self._settle(fixed, outline.texts, limit)
        if outline.media:  # whose prices are bounds
            measure = Measure(measure.tokens, "bound")
        return measure if measure.tokens <= limit else None

    def most(self, texts: Sequence[str]) -> int:
        """The proven most that messages of one text each can count, without what surrounds them in a request."""
        words = "".join(texts)
        return len(texts) * PER_MESSAGE + (_size(words) if self._bytewise else self._bound(texts))

    def _parts(self, parts: tuple[Part, ...]) -> int:
        """Tokens of a nameless message of these parts."""
        texts: list[str] = []
        fixed = dissect(Message("", parts), self._frames, self.media, texts)
        return fixed + self.sum_of_texts(texts)

    def _settle(self, fixed: int, texts: Sequence[str], limit: int | None) -> Measure:
        known, unknown = self._remembered(texts)
        lower = fixed + known
        if not unknown or (limit is not None and lower > limit):
            return Measure(lower, "cache")
        if limit is None:
            return Measure(lower + self.sum_of_texts(unknown), "count")
        upper = lower + self._bound(unknown)
        return Measure(upper, "bound") if upper <= limit else Measure(self._count_until(lower, unknown, limit), "count")

    def _count_until(self, lower: int, texts: list[str], limit: int) -> int:
        """The sum, or the first lower bound above the limit: the largest texts, counted first, settle most. What fits is counted to its
        end, so that what is reported as a count is one."""
        for text in sorted(texts, key=len, reverse=True):
            lower += self.text(text)
            if lower > limit:
                break
        return lower

    def _remembered(self, texts: Iterable[str]) -> tuple[int, list[str]]:
        """The sum of the remembered counts, and the texts without one."""
        known, unknown = 0, []
        young, recall, salt = self._cache.young.get, self._cache.get, self._salt
        for text in texts:
            key = hash(text) ^ salt ^ (len(text) << 64)
            found = young(key)
            if found is None:
                found = recall(key)
            if found is None:
                unknown.append(text)
            else:
                known += found
        return known, unknown

    def _bound(self, texts: Iterable[str]) -> int:
        """The proven most that texts can count: every token of a byte-level vocabulary holds at least one byte."""
        if self._bytewise:
            return sum([len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass")) for text in texts])
        # text by text, as estimates are rounded up text by text
        return sum(math.ceil(_size(text) * self._rate) + self._most_for_parameters(text) for text in texts)

    def _most_for_parameters(self, text: str) -> int:
        """What parameters can add at most: each has a colon behind its name, and two texts that are rounded up."""
        return (self._frames.parameter + 2) * text.count(":") if type(text) is Arguments else 0

    def _recall(self, text: str, key: int) -> int:
        """The count of a text that the younger counts do not have; they have it from then on."""
        cache = self._cache
        found = cache.old.get(key)
        if found is None:
            found = self._count(text) if len(text) < LARGE else self._count_once(text)
        cache.put(key, found)
        return found

    def _count_once(self, text: str) -> int:
        kept = self._cache.large
        if kept is None or type(text) is not str:
            return self._count(text)
        found = kept.get(self.family, text)
        if found is None:
            found = self._count(text)
            kept.put(self.family, text, found)
        return found

    def _count(self, text: str) -> int:
        if self._exact and len(text) <= SLICE and type(text) is str and text.isascii():  # by far the most texts
            return engine_for(self._encoding).count(text)
        if type(text) is Arguments:
            named = shown(text)
            return self._count(str(text)) if named is None else sum(map(self._count, named)) + self._frames.parameter * len(named) // 2
        engine, sound = engine_for(self._encoding), text if text.isascii() else repaired(text)
        counted = engine.count(sound) if len(sound) <= SLICE else total(engine, (sound,))
        return counted if self._exact else self._tokenizer.estimate(counted, sound)


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _fingerprint(value: tuple[Any, ...]) -> int:
    """A key for wire values by their content; marshal writes plain values ten times faster than JSON is written."""
    try:
        # version 2 writes no references, so that equal values give equal bytes
        written = marshal.dumps(value, 2)
    except ValueError:
        written = compact(value).encode("utf-8", "surrogatepass")
    return hash(written) ^ (len(written) << 64)
