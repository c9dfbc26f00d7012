"""Made-up sessions of three kinds, long enough to be compacted, and what a person misses who read their notes; see `reading.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from reading_sessions import editing, service, shell
from reading_sessions.script import Chat

__all__ = ["SESSIONS", "Session"]


@dataclass(frozen=True, slots=True)
class Session:
    """A session, and what somebody who read its notes at each budget says is missing from them."""

    title: str
    about: str
    messages: Callable[[], Chat]
    tools: Mapping[str, Sequence[str]]
    """The names of the arguments of every tool."""
    missing: Mapping[int, str]
    """By budget in tokens."""


SESSIONS = (
    Session(
        "A coding agent with a shell",
        "An agent mends a billing error with nothing but a shell: it searches and reads, writes a script that shows the fault, edits with "
        "sed, meets an error of its own and a failing test, and gets both right. It has just been "
        "asked which callers are affected.",
        shell.messages,
        {"shell": ("command",)},
        {12_000: "", 6_000: ""},
    ),
    Session(
        "An agent that reads and edits files",
        "An agent adds a backoff to an export job with Read, Edit and Bash. The user adds two rules on the way and takes one of them back "
        "later.",
        editing.messages,
        {"Read": ("path",), "Edit": ("path", "old_string", "new_string"), "Bash": ("command",)},
        {10_000: "", 5_000: ""},
    ),
    Session(
        "A customer's bookings",
        "A customer has one booking cancelled, another refused by the fare's rules and moved instead, and adds bags to a third. The last "
        "thing asked for is a mail about all that was done.",
        service.messages,
        {
            "get_customer": ("name",),
            "get_booking": ("booking",),
            "get_policy": ("topic",),
            "cancel_booking": ("booking",),
            "search_flights": ("origin", "destination", "date"),
            "change_booking": ("booking", "flight", "date"),
            "get_baggage_prices": ("route",),
            "add_baggage": ("booking", "bags"),
        },
        {4_000: "", 2_500: ""},
    ),
)
