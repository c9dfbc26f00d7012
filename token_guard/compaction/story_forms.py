"""The forms of what only tells something: what was, what somebody does, what a thing says. However like rules they sound, none of it asks
to be kept to."""

from __future__ import annotations

import re
from typing import Final

from token_guard.compaction.rule_words import PAST

__all__ = ["REPORTED", "STORY"]

STORY: Final = re.compile(
    r"^(?:i|we|he|she|they|it|that|there|this)\b(?:['’](?:ve|d|s))? (?:have |had |has |just |also |already )?"
    r"(?:been|was|were|had|did|tried|saw|noticed|found|got|went|checked|followed|changed|turned|thought|made|used|looked|ran|restarted"
    r"|booked|took|put|wondered)\b"
    r"|^(?:i|we)(?:['’]ll| will) (?:gather|provide|check|look|get|send|try|see|let|find|wait|ask|come)\b"
    r"|^i(?:['’]ll| will) (?!need|want|expect|require|only accept)\w+"
    r"|^i (?:always|never|often|usually|sometimes) (?!want|need|expect|require|prefer|insist|like)\w+"
    r"|^you (?:never|always|only) (?:" + PAST + r"|\w+(?<!ne)ed)\b"
    r"|^i (?:feel|love|enjoy|hope|wish)\b"
    r"|^(?:every time|each time|whenever|when) (?:i|we|he|she|it|they)\b[^,]{1,120}, (?:i|we|he|she|they) (?!want|need|expect)\w+"
    r"|^only (?:the |a |my |our |one |two |three |\d+ )(?![^.?!]*\b(?:may|must|can|should|shall|will|are to|is to)\b)(?:[\w-]+ ){1,4}?"
    r"(?:failed|passed|worked|crashed|was|were|had|did|came|went|broke|happened|got|changed|showed|returned|printed|appeared|remained"
    r"|fails|breaks|works)\b"
    r"|^now (?:look|check|read|open|show|run|try|see|go|do|take|fix|list)\b(?! for (?:all|every|each))"
    r"|^(?:do not|don['’]t) (?:stop|run it)[.!]?$"
    r"|^(?:i|we) (?:suppose|just want(?:ed)? to)\b|^wondering\b|^if (?:yes|so|no|not)\b"
    r"|^(?:i|we)(?:['’](?:m|re)| am| are) (?:sorry|afraid|not sure|sure|just|glad|going|trying|looking|thinking|wondering)\b"
    r"|^(?:thanks|thank you|sorry|great|perfect)\b|^i (?:think|guess|believe|wonder|understand|know|see|can(?:['’]t|not)?|could"
    r"|do not have|don['’]t have)\b",
    re.IGNORECASE,
)
"""What tells how it was or is: what somebody did, and what the speaker does."""

_ASKS_NOTHING: Final = r"(?:(?!\b(?:must|should|shall|may|has to|have to)\b)[^.?!:\n])"

REPORTED: Final = re.compile(
    r"^" + _ASKS_NOTHING + r"{0,60}\b(?:logs?|linter|compiler|docs?|documentation|read ?me|wiki|manual|handbook|errors?|messages?"
    r"|output|console|terminal|tool|page|site|article|book|story|film|movie|comment)\b" + _ASKS_NOTHING + r"{0,60}\b(?:says|said|reads"
    r"|states|prints|printed|shows|tells|complains|claims|writes|wrote)\b"
    r"|^(?:i|we) (?:found|read|saw|came across|got|heard|stumbled)\b[^.?!:\n]{0,80}:\s",
    re.IGNORECASE,
)
"""What says what a thing says, which is not what the user asks for."""
