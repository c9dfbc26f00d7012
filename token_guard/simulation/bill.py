"""A provider's prompt cache, played through: which part of each prompt is read from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from token_guard.simulation.prices import Prices

__all__ = ["Bill", "Piece", "PromptCache"]


class Piece(NamedTuple):
    """A part of a prompt that is cached as a whole, and what it counts: the tools and what else comes first, or a message."""

    digest: int
    tokens: float


@dataclass(frozen=True, slots=True)
class Bill:
    """Tokens of prompts by what they cost, and that, in dollars."""

    plain: int = 0
    read: int = 0
    write: int = 0
    cost: float = 0.0

    def __add__(self, other: Bill) -> Bill:
        return Bill(self.plain + other.plain, self.read + other.read, self.write + other.write, self.cost + other.cost)

    @property
    def tokens(self) -> int:
        """All tokens sent."""
        return self.plain + self.read + self.write


class PromptCache:
    """The cache of one provider for one model, as its rule has it; prompts come in the order in which they were sent."""

    def __init__(self, prices: Prices) -> None:
        self._prices = prices
        self._seen: dict[int, float] = {}

    def would_read(self, prompt: Sequence[Piece], at: float) -> int:
        """The tokens of a prompt that are in the cache at a time in seconds."""
        rule = self._prices.rule
        hits = (tokens for chain, tokens in _chained(prompt) if at - self._seen.get(chain, -1e18) <= rule.ttl_seconds)
        hit = max(hits, default=0.0)
        return int(hit) // rule.step * rule.step if hit >= rule.min_tokens else 0

    def forget(self, prompt: Sequence[Piece], beyond: int) -> None:
        """Lose what is known of a prompt behind its first `beyond` tokens."""
        for chain, tokens in _chained(prompt):
            if tokens > beyond:
                self._seen.pop(chain, None)

    def send(self, prompt: Sequence[Piece], at: float, reply: Piece | None = None) -> Bill:
        """The bill of one prompt, sent at a time in seconds."""
        rule = self._prices.rule
        total = round(sum(piece.tokens for piece in prompt))
        chains, read = list(_chained(prompt)), self.would_read(prompt, at)
        if total >= rule.min_tokens:
            self._keep(chains, at, reply if rule.keeps_reply else None)
        read = min(read, total)
        writes = total - read if self._prices.write != self._prices.plain and total >= rule.min_tokens else 0
        plain = total - read - writes
        return Bill(plain, read, writes, self._prices.cost(plain, read, writes))

    def _keep(self, chains: Iterable[tuple[int, float]], at: float, reply: Piece | None) -> None:
        last = 0
        for chain, _ in chains:
            self._seen[chain] = at
            last = chain
        if reply is not None:
            self._seen[hash((last, reply.digest))] = at


def _chained(prompt: Iterable[Piece]) -> Iterable[tuple[int, float]]:
    """Each beginning of a prompt: what it is known by, and its tokens."""
    chain, tokens = 0, 0.0
    for piece in prompt:
        chain, tokens = hash((chain, piece.digest)), tokens + piece.tokens
        yield chain, tokens
