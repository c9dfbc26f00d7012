"""What the next edit will have to quote to the letter: the text of files that are being edited."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from token_guard.compaction import deeds
from token_guard.conversation import Exchange, ToolCall
from token_guard.conversation.many import once_in_a_row

__all__ = ["held_for_edits"]


@once_in_a_row
def held_for_edits(units: Sequence[Exchange]) -> dict[int, float]:
    """The exchanges that edit a file and whose text stands there, or that are the newest to read one that is edited, by the place
    where they start: how new the newest edit of that file is, between 0 and 1."""
    edits, reads = _by_file(units, deeds.edits), _by_file(units, deeds.shows)
    holding = {place: path for path, places in edits.items() for place in (*_standing(units, path, places), *reads.get(path, ())[-1:])}
    return {units[place].start: (edits[path][-1] + 1) / len(units) for place, path in holding.items()}


def _standing(units: Sequence[Exchange], path: str, places: Sequence[int]) -> Iterator[int]:
    """Those of the exchanges that edit a file of whose lines later edits have not taken away more than half."""
    gone: set[str] = set()
    for place in reversed(places):
        changed = [
            pair
            for message in units[place].messages
            for call in message.calls
            if deeds.edits(call) and deeds.file(call) == path
            for pair in deeds.became(call.arguments)
        ]
        put = {line for _, new in changed for line in _lines(new)}
        if 2 * len(put & gone) <= len(put):
            yield place
        gone.update(line for old, _ in changed for line in _lines(old))


def _lines(text: str) -> Iterator[str]:
    return filter(None, map(str.strip, text.split("\n")))


def _by_file(units: Sequence[Exchange], fits: Callable[[ToolCall], bool]) -> Mapping[str, Sequence[int]]:
    """The exchanges with such calls, by the file that they name."""
    found: dict[str, list[int]] = {}
    for place, unit in enumerate(units):
        calls = (call for message in unit.messages for call in message.calls if fits(call))
        for path in filter(None, map(deeds.file, calls)):
            found.setdefault(path, []).append(place)
    return found
