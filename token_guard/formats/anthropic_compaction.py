"""The summary that Anthropic itself wrote of a history: a `compaction` block in an assistant message.

"All content blocks prior to the compaction block are ignored" (platform.claude.com/docs, compaction), while clients send the whole
list back: so what stands before it is neither counted nor touched. The block and the rest of its message are read as two messages,
because the one has to stay and the other has not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from token_guard.formats.anthropic_blocks import parts_of
from token_guard.formats.given import Opened, given_back
from token_guard.formats.wire import Placed

__all__ = ["Compaction", "Rest", "compaction_of"]

KIND = "compaction"


class Rest(Opened):
    """The wire message of a compaction, as the origin of what comes after the block in it."""

    def __init__(self, wire: Mapping[str, Any]) -> None:
        super().__init__(wire, given_back(wire))


@dataclass(frozen=True, slots=True)
class Compaction:
    """Where the newest compaction stands: the place of its message, the message, the place of the block in it."""

    message: int
    wire: Mapping[str, Any]
    block: int

    @property
    def head(self) -> Mapping[str, Any]:
        """The message without what comes after the block; the very same where nothing does."""
        content = self.wire["content"]
        return self.wire if self.block == len(content) - 1 else {**self.wire, "content": content[: self.block + 1]}

    def summary(self, place: str) -> Iterator[Placed]:
        """The block itself; what stands before it in its message is not read."""
        return (placed for placed in self._parts(place) if placed[1][1] == self.block)

    def after(self, place: str) -> Iterator[Placed]:
        """What its message goes on with."""
        return (placed for placed in self._parts(place) if int(placed[1][1]) > self.block)

    def _parts(self, place: str) -> Iterator[Placed]:
        return parts_of(self.wire["content"], ("content",), f"{place}.content")


def compaction_of(wires: Sequence[Any]) -> Compaction | None:
    """The newest compaction of a history; None where there is none. One without a summary has failed, and means nothing to the
    server (anthropic SDK, BetaCompactionBlockParam)."""
    for message in range(len(wires) - 1, -1, -1):
        wire = wires[message]
        content = wire.get("content") if isinstance(wire, Mapping) and wire.get("role") == "assistant" else None
        blocks = content if isinstance(content, (list, tuple)) else ()
        for block in range(len(blocks) - 1, -1, -1):
            if isinstance(blocks[block], Mapping) and blocks[block].get("type") == KIND and blocks[block].get("content") is not None:
                return Compaction(message, wire, block)
    return None
