"""Made-up sessions of three kinds, long enough to be compacted, and what is missing from their notes; see `reading.py`."""

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
        {
            12_000: "The lines that count the days, of the one file that mattered, are first seen in the edit that replaces them: "
            "the note has a dozen definitions beside them instead, and of the first search not even how much it found. "
            "Files that stayed in a changed form further down are definitions without their bodies, so that whoever needs a "
            "body reads the file again.",
            6_000: "The first edit tells what it replaced and breaks off before what it put in, and of the searches that went "
            "nothing is left but that they were made. Half of the lines are definitions that nobody asked about, and most "
            "of the names at the end belong to no step.",
        },
    ),
    Session(
        "An agent that reads and edits files",
        "An agent adds a backoff to an export job with Read, Edit and Bash. The user adds two rules on the way and takes one of them back "
        "later.",
        editing.messages,
        {"Read": ("path",), "Edit": ("path", "old_string", "new_string"), "Bash": ("command",)},
        {
            10_000: "The rule that stands began with the one that was taken back, and its first word still says so. Of the callers that "
            "the search found four have their lines and the others are bare names, and of the files that were read most lines are "
            "definitions that nobody asked about.",
            5_000: "Of the searches that went nothing is left but that they were made, or how much they found, and a third of the "
            "lines are definitions that nobody asked about. Every edit is there with what it put in, and how each run ended.",
        },
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
        {
            4_000: "That the customer said yes to the cancellation, and why they pleaded for the other booking: the whole message "
            "is gone. The row of the chosen flight is quoted, and beside it rows that nobody asked about.",
            2_500: "Both records that were looked up first are gone, so the mail cannot say where and when the cancelled flight "
            "was to go, nor what the refused one had cost. The customer's yes to the other flight is there and what had been "
            "offered is not, and of the chosen flight the row of another day is quoted.",
        },
    ),
)
