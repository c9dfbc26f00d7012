"""The meter: how many tokens a conversation counts, by the cheapest certain means."""

from __future__ import annotations

import marshal
import math
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from token_guard.conversation import Conversation, Media, Message
from token_guard.counting.anatomy import MediaPricing, dissect
from token_guard.counting.cache import CountCache
from token_guard.counting.engines import engine_for, total, warm_up
from token_guard.counting.families import Family
from token_guard.counting.slices import SLICE, repaired
from token_guard.counting.spread import WORTH_SPREADING, spread_sum
from token_guard.counting.tools import ToolPrice, compact
from token_guard.report import DecidedBy

__all__ = ["Measure", "Meter"]

REPLY_PRIMING = 3
"""Every reply is primed with <|start|>assistant<|message|> (OpenAI cookbook, How_to_count_tokens_with_tiktoken)."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A conversation's tokens, and what settled them: a proven bound, remembered counts, or the tokenizer.

    Measured against a limit, `tokens` at or below it is an upper bound and above it a certain lower bound; without one it is the
    family's best estimate.
    """

    tokens: int
    decided_by: DecidedBy


class Meter:
    """Counts for one tokenizer family and its providers' prices; every count of a text goes through the process's cache."""

    __slots__ = ("_cache", "_price", "_salt", "_tokenizer", "_tools")

    def __init__(self, tokenizer: Family, price: MediaPricing, tools: ToolPrice, cache: CountCache) -> None:
        self._tokenizer = tokenizer
        self._price = price
        self._tools = tools
        self._cache = cache
        # meters share the cache: the salt keeps their entries apart, and keys unpredictable where str hashes are
        self._salt = secrets.randbits(61)

    @property
    def family(self) -> str:
        """The tokenizer family's name."""
        return self._tokenizer.name

    def warm_up(self) -> str:
        """Load the engines and wait for the fastest; returns the name of the one in use."""
        return warm_up(self._tokenizer.encoding)

    def margin(self, window: int) -> int:
        """Tokens of a window to leave free because the family's counts are estimates; 0 where they are exact."""
        planned = max(self._tokenizer.factor, 1.0)
        return math.ceil(window * max(0.0, 1.0 - planned / self._tokenizer.safe_factor))

    def text(self, text: str) -> int:
        """Tokens of a text."""
        found = self._cache.young.get(hash(text) ^ self._salt ^ (len(text) << 64))
        return self._recall(text) if found is None else found

    def media(self, media: Media) -> int:
        """Tokens of an image, a sound or a file, by its provider's formula; errs up where only the kind is known."""
        return self._price(media)

    def message(self, message: Message) -> int:
        """Tokens of one message with its frame."""
        texts: list[str] = []
        fixed = dissect(message, self._tokenizer.per_call, self._price, texts)
        return fixed + sum(map(self.text, texts))

    def messages(self, messages: Iterable[Message]) -> int:
        """Tokens of messages, without what surrounds them in a request."""
        return sum(map(self.message, messages))

    def overhead(self, conversation: Conversation) -> int:
        """Tokens of everything that is not a message: reply priming, tool definitions, tool choice, response format."""
        around = (conversation.tools, conversation.tool_choice, conversation.response_format)
        if around == (None, None, None):
            return REPLY_PRIMING
        key = _fingerprint(around) ^ self._salt
        found = self._cache.get(key)
        if found is None:
            found = REPLY_PRIMING + self._tools.fixed(*around) + sum(map(self.text, self._tools.texts(*around)))
            self._cache.put(key, found)
        return found

    def measure(self, conversation: Conversation, limit: int | None = None) -> Measure:
        """Tokens of a request; with a limit, only as much work as it takes to know on which side of it they are."""
        texts: list[str] = []
        fixed = self.overhead(conversation)
        for message in conversation.messages:
            fixed += dissect(message, self._tokenizer.per_call, self._price, texts)
        if limit is not None and (bound := fixed + self._bound(texts)) <= limit:
            return Measure(bound, "bound")
        return self._settle(fixed, texts, limit)

    def _settle(self, fixed: int, texts: Sequence[str], limit: int | None) -> Measure:
        known, unknown = self._remembered(texts)
        lower = fixed + known
        upper = lower + self._bound(unknown)
        if not unknown or (limit is not None and (upper <= limit or lower > limit)):
            return Measure(lower if limit is not None and lower > limit else upper, "cache")
        return Measure(self._count_until(lower, upper, unknown, limit), "count")

    def _count_until(self, lower: int, upper: int, texts: list[str], limit: int | None) -> int:
        """The tokens when all are counted, or the bound that passed the limit's side first: the largest texts settle most."""
        if limit is None:
            return lower + self._sum(texts)
        for text in sorted(texts, key=len, reverse=True):
            tokens = self.text(text)
            lower += tokens
            upper -= self._bound((text,)) - tokens
            if lower > limit:
                return lower
            if upper <= limit:
                return upper
        return lower

    def _remembered(self, texts: Iterable[str]) -> tuple[int, list[str]]:
        """The sum of the remembered counts, and the texts without one."""
        known, unknown = 0, []
        recall, salt = self._cache.get, self._salt
        for text in texts:
            found = recall(hash(text) ^ salt ^ (len(text) << 64))
            if found is None:
                unknown.append(text)
            else:
                known += found
        return known, unknown

    def _bound(self, texts: Iterable[str]) -> int:
        """The proven most that texts can count: every token of a byte-level vocabulary holds at least one byte."""
        sizes = (len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass")) for text in texts)
        rate = self._tokenizer.tokens_per_byte
        # text by text, as estimates are rounded up text by text
        return sum(sizes) if rate == 1.0 else sum(math.ceil(size * rate) for size in sizes)

    def _recall(self, text: str) -> int:
        key = hash(text) ^ self._salt ^ (len(text) << 64)
        found = self._cache.get(key)
        if found is None:
            found = self._count(text)
            self._cache.put(key, found)
        return found

    def _count(self, text: str) -> int:
        engine, sound = engine_for(self._tokenizer.encoding), repaired(text)
        counted = engine.count(sound) if len(sound) <= SLICE else total(engine, (sound,))
        return self._tokenizer.estimate(counted, sound)

    def _sum(self, texts: Sequence[str]) -> int:
        """Tokens of texts that are not remembered."""
        if len(texts) > 1 and engine_for(self._tokenizer.encoding).spread and sum(map(len, texts)) >= WORTH_SPREADING:
            return spread_sum(self.text, texts)
        return sum(map(self.text, texts))


def _fingerprint(value: tuple[Any, ...]) -> int:
    """A key for wire values by their content; marshal writes plain values ten times faster than JSON is written."""
    try:
        # version 2 writes no references, so that equal values give equal bytes
        written = marshal.dumps(value, 2)
    except ValueError:
        written = compact(value).encode("utf-8", "surrogatepass")
    return hash(written) ^ (len(written) << 64)
