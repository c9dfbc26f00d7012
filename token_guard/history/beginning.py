"""The beginning of a history, as a sequence of its own: a walk has one for each of thousands of boundaries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import overload

from token_guard.conversation import Message

__all__ = ["Beginning"]


class Beginning(Sequence[Message]):
    """The messages of a history before the place `end`, without a copy: copies of all beginnings take time that is quadratic in its
    length."""

    __slots__ = ("_end", "_history")

    def __init__(self, history: Sequence[Message], end: int) -> None:
        self._history = history
        self._end = end

    def __len__(self) -> int:
        return self._end

    def __iter__(self) -> Iterator[Message]:
        return islice(self._history, self._end)

    @overload
    def __getitem__(self, place: int) -> Message: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Message]: ...

    def __getitem__(self, place: int | slice) -> Message | Sequence[Message]:
        if isinstance(place, int):
            return self._history[range(self._end)[place]]
        start, stop, step = place.indices(self._end)
        return self._history[start:stop] if step == 1 else self._history[: self._end][place]
