"""What in a user's words is somebody else's: what stands within quotation marks, and what was pasted behind a line that says so."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["hidden", "own_lines"]

_QUOTE: Final = re.compile(
    r"(?<![\w\"])\"(?=[^\s\"])[^\"]{1,800}\"(?!\w)"
    r"|“[^“”]{1,1500}”|„[^„“”]{1,1500}[“”]|«[^«»]{1,1500}»|»[^«»]{1,1500}«|「[^「」]{1,1500}」|『[^『』]{1,1500}』|‹[^‹›]{1,1500}›"
)
"""Quotation marks of any language, in pairs; single ones are apostrophes. An inch is no beginning, and an open one quotes nothing."""

_ENDS: Final = ".!?…"

_THING: Final = (
    r"(?:read ?me|e-?mails?|mails?|letter|logs?|output|errors?|trace(?:back)?|stack ?trace|text|docs?|documentation|wiki|pages?|web ?site"
    r"|article|manual|handbook|post|message|transcript|chat|thread|changelog|release notes|tickets?|warnings?|chapter|story|poem|script"
    r"|answer of|reply of|contents?|excerpt|quote)"
)

_PASTED: Final = re.compile(
    r"^(?![^\n]*\b(?:rules?|guidelines?|constraints?|requirements?|conventions?|instructions?|conditions?|follow|obey|stick|keep to|regeln"
    r"|vorgaben|règles|consignes|reglas|правила)\b)[^\n]{0,160}\b(?:"
    r"(?:summari[sz]e|translate|explain|proofread|reply to|what (?:is|does)) (?:this|the following|these)\b"
    r"|(?:look at|read|check|see|review) (?:this|the following|these)\b[^\n]{0,80}\b(?:tell me|what|why|explain|says?|means?|about)\b"
    r"|(?:here(?:['’]s| is| are)|this is|that is|these are|below is|found|got|received) (?:(?:the|an?|this|my|our|what|of|its|some) )*"
    + _THING
    + r"\b"
    r"|(?:prints?|printed|says?|said|wrote|writes|shows?|gives?|sent|got|received|found|reads) (?:me |us )?(?:this|the following|these)\b"
    r"|(?:übersetz|lies|fass|schau)\w* (?:das|dies|den|die|folgende\w*)\b|(?:hier ist|das ist|folgende[rsn]?) (?:die |der |das )?"
    r"(?:mail|e-mail|text|brief|log|ausgabe|fehler|nachricht)\b"
    r"|(?:traduis|résume|lis|voici) (?:ce|cet|cette|le|la|un|une)\b|(?:traduce|resume|lee|aquí está) (?:este|esta|el|la)\b"
    r"|(?:переведи|прочитай|вот) (?:это|этот|письмо|текст)\b"
    r")[^\n]{0,120}[:?]\s*$"
    r"|^.{0,40}(?:翻译|总结|解释|这是|以下是|次の|以下の)[^\n]{0,60}[:：]\s*$",
    re.IGNORECASE,
)
"""A line behind which stands what somebody is asked to look at, and what is to be kept to does not."""

_SALUTATION: Final = re.compile(
    r"^(?:dear|hi|hello|sehr geehrte[rn]?|liebe[rn]?|guten tag|hallo|cher|chère|bonjour|madame|estimad[oa]s?|hola|gentile|caro|cara"
    r"|prezad[oa]|beste|geachte|уважаем\w+|здравствуйте)\b[^.?!\n]{0,60}[,:]\s*$",
    re.IGNORECASE,
)
"""How a letter begins."""

_REGARDS: Final = re.compile(
    r"(?:(?:kind|best|warm) (?:regards|wishes)|regards|sincerely|yours|cheers|mit (?:freundlichen|besten) grüßen|viele grüße|beste grüße"
    r"|cordialement|bien à vous|saludos|atentamente|cordiali saluti|atenciosamente|met vriendelijke groet|с уважением)\b",
    re.IGNORECASE,
)
"""How it ends."""

_BLANK: Final = re.compile(r"$")


def hidden(text: str) -> str:
    """A text of the same length in which what is quoted says nothing; where a quote ends a sentence, the sentence still ends.

    >>> hidden('He wrote: "Never call." Call him.')
    'He wrote: "xxxxxxxxxx." Call him.'
    >>> hidden('The 5" screen, the 7" one'), hidden("手册写「请勿触摸面板。」")
    ('The 5" screen, the 7" one', '手册写「xxxxxxx」')
    """
    return _QUOTE.sub(lambda quote: _masked(quote[0], text[quote.end() : quote.end() + 1]), text)


def _masked(quote: str, after: str) -> str:
    inner = "".join("\n" if sign == "\n" else "x" for sign in quote[1:-1])
    ends = quote[-2] in _ENDS and (not after or after.isspace())
    return f"{quote[0]}{inner[:-1]}{quote[-2]}{quote[-1]}" if ends else f"{quote[0]}{inner}{quote[-1]}"


def own_lines(text: str) -> list[str]:
    r"""The lines of a text without the paragraph that one of them says is pasted behind it, and without letters that do not open it.

    >>> own_lines("Summarise this:\n\nPlease always knock.\n\nNever push.")
    ['Summarise this:', '', '', 'Never push.']
    >>> own_lines("Look.\nDear all,\n\nplease always knock.\nKind regards\nAda"), own_lines("Keep to this:\n- Never push.")
    (['Look.', 'Kind regards', 'Ada'], ['Keep to this:', '- Never push.'])
    """
    kept: list[str] = []
    lines = text.split("\n")
    place = 0
    while place < len(lines):
        line = lines[place]
        if place and _SALUTATION.match(line.strip()):
            place = _next(lines, place, _REGARDS)
            continue
        kept.append(line)
        place += 1
        if _PASTED.match(line) and place < len(lines):
            if not lines[place].strip() and line.rstrip().endswith((":", "：")):
                kept.append(lines[place])
                place += 1
            if not _SALUTATION.match(lines[place].strip() if place < len(lines) else ""):
                place = _next(lines, place, _BLANK)
    return kept


def _next(lines: list[str], place: int, what: re.Pattern[str]) -> int:
    """The place of the next line of a form, or the end."""
    return next((number for number in range(place, len(lines)) if what.match(lines[number].strip())), len(lines))
