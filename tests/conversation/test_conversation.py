"""Exchanges: what lives together goes together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from build import agent, answer, call, parsed, result, say

from token_guard.conversation import Text, exchanges
from token_guard.conversation.many import once_in_a_row


def cuts(messages: list[dict[str, Any]]) -> list[tuple[int, int]]:
    return [(unit.start, unit.stop) for unit in exchanges(parsed(messages))]


def parallel(*ids: str) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": [call(call_id)["tool_calls"][0] for call_id in ids]}


CASES = {
    "plain turns stand alone": ([say("user", "a"), answer("b"), say("user", "c")], [(0, 1), (1, 2), (2, 3)]),
    "a call and its result": ([say("user", "a"), call("1"), result("1", "x")], [(0, 1), (1, 3)]),
    "a parallel batch": ([parallel("1", "2"), result("2", "x"), result("1", "y"), answer()], [(0, 3), (3, 4)]),
    "an open call at the end": ([say("user", "a"), call("1")], [(0, 1), (1, 2)]),
    "an orphan does not join a call": ([call("1"), result("9", "x")], [(0, 1), (1, 2)]),
    "a call without a result": ([call("1"), say("user", "a"), answer("b")], [(0, 1), (1, 2), (2, 3)]),
    "a result that comes late": ([call("1"), say("user", "a"), result("1", "x"), answer("b")], [(0, 3), (3, 4)]),
    "a late result behind other calls": (
        [call("1"), say("user", "a"), parallel("2", "3"), result("1", "x"), result("2", "y"), result("3", "z"), answer("b")],
        [(0, 6), (6, 7)],
    ),
    "a call id that is used again": ([call("1"), say("user", "a"), call("1"), result("1", "x")], [(0, 1), (1, 2), (2, 4)]),
    "nothing": ([], []),
}


@pytest.mark.parametrize(("messages", "expected"), CASES.values(), ids=CASES.keys())
def test_messages_are_cut_where_cutting_is_legal(messages: list[dict[str, Any]], expected: list[tuple[int, int]]) -> None:
    assert cuts(messages) == expected


def test_exchanges_cover_every_message_once() -> None:
    places = [place for start, stop in cuts(agent(7)) for place in range(start, stop)]
    assert places == list(range(16))


def test_a_message_knows_whether_it_was_edited() -> None:
    message = parsed([answer("long")])[0]
    assert not message.edited
    assert not message.with_part(0, Text("long")).edited
    assert message.with_part(0, Text("short")).edited


def test_the_same_messages_are_read_once_in_a_row_and_a_list_every_time() -> None:
    read: list[int] = []

    @once_in_a_row
    def size(items: Sequence[int]) -> int:
        read.append(len(items))
        return len(items)

    one, other, listed = (1, 2), (1, 2, 3), [1]
    assert [size(items) for items in (one, one, other, one, listed, listed)] == [2, 2, 3, 2, 1, 1]
    assert read == [2, 3, 2, 1, 1]


def test_what_a_reader_raises_is_not_taken_for_what_it_found_before() -> None:
    @once_in_a_row
    def first(items: Sequence[int]) -> int:
        return items[0]

    empty: tuple[int, ...] = ()
    assert first((1, 2)) == 1
    with pytest.raises(IndexError):
        first(empty)
    with pytest.raises(IndexError):
        first(empty)
