"""What a user asks to be kept to: rules and facts, recognised by their form in the user's own prose, in several languages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from token_guard.compaction.remembered import remembered
from token_guard.compaction.rule_forms import BINDS, FORBIDS, has_any, words_of
from token_guard.compaction.rule_forms_abroad import BINDS_ABROAD, FORBIDS_ABROAD
from token_guard.compaction.rule_subjects import replaces
from token_guard.compaction.statement_forms import CHANGES, DEPENDS, HABITS, KINDNESS, LABEL, LEANS_BACK, MOMENTARY, STATES, TELLING
from token_guard.conversation import Message
from token_guard.speech import own_words

__all__ = ["asks_to_be_kept", "forbids", "found", "given", "is_declared", "is_for_safety", "newest", "unlabelled"]

LONGEST = 500
"""Characters of a sentence; longer ones are pasted text."""

SHORTEST = 6
"""Characters; shorter ones say nothing by themselves."""

MOST_PROSE = 12_000
"""Characters of a message in which rules are looked for: what is longer is a document. On recorded sessions, the longest
messages that people typed had 4,000."""

MOST_TOLD = 1_500
"""Characters of a message in which facts are looked for: in longer ones nearly every sentence states something."""

MOST_RULES = 200
"""Rules that are remembered of a session; more are no rules."""

HEADINGS = 3
"""So many headings make a text a document: a page, a loaded skill, an issue."""

FEWEST_LETTERS = 0.6
"""Of a sentence, the least share of letters and spaces; outputs and code have less."""

_HEADING = re.compile(r"^[ \t]*#{1,6} \S", re.MULTILINE)
_SPEAKER = re.compile(r"[A-ZÀ-Þ][\w.'’-]*(?: [A-ZÀ-Þ][\w.'’-]*){1,5}\s?(?:\([^)\n]{1,80}\))?\s?:\s")
_END = re.compile(r"(?<=[.!?…])(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\betc\.)(?<!\bvs\.)(?<!\b[A-Z]\.)[\"')\]*]*\s+(?=\S)|(?<=[。！？])")
_BULLET = re.compile(r"^(?:[-*•–]|\d{1,2}[.)]|\[[ x]\])\s+")
_OPENER = re.compile(
    r"^(?:[*_\"'“(]+|(?:ok(?:ay)?|yes|yeah|no|sure|great|good|fine|well|oh|hey|hi|hmm+|btw|by the way|also|and|but|so|one more thing"
    r"|another thing"
    r"|quick (?:update|note|reminder)|update|important|note|reminder|fyi|actually|again|besides|for this|thanks|thank you|alright|right"
    r"|cool|additionally"
    r"|furthermore|moreover|finally|first(?:ly)?|second(?:ly)?|lastly)\b[,:.!;–—-]+\s*(?:that\s+)?|(?:also|and|but|so|then)\s+)",
    re.IGNORECASE,
)
_NO_PROSE = re.compile(
    r"^(?:\d+[:|)\]\t]|[+|$#@{<}\\=]|/\S|-{2,}|\w*(?:Error|Exception|Warning)\b|(?:error|warning|fatal|panic|traceback|failed"
    r"|e\d{3,4})\b[ :(])"
    r"|\\[nt\"]|[{;]$|\(\)|=>|:=|==|\{\"|=\"|\$\{|^[\w./-]+:\d+|\{\w+\}",
    re.IGNORECASE,
)
_OUTPUT = re.compile(r"^(?: {4}|\t)(?!\s*(?:[-*•]|\d{1,2}[.)])\s)", re.MULTILINE)
_STORY = re.compile(
    r"^(?:i|we|he|she|they|it|that|there|this)\b(?:['’](?:ve|d|s))? (?:have |had |has |just |also |already )?"
    r"(?:been|was|were|had|did|tried|saw|noticed|found|got|went|checked|followed|changed|turned|thought|made|used|looked|ran|restarted"
    r"|booked|took|put|wondered)\b"
    r"|^(?:i|we)(?:['’]ll| will) (?:gather|provide|check|look|get|send|try|see|let|find|wait|ask|come)\b"
    r"|^(?:i|we) (?:suppose|just want(?:ed)? to)\b|^wondering\b|^if (?:yes|so|no|not)\b"
    r"|^(?:i|we)(?:['’](?:m|re)| am| are) (?:sorry|afraid|not sure|sure|just|glad|going|trying|looking|thinking|wondering)\b"
    r"|^(?:thanks|thank you|sorry|great|perfect)\b|^i (?:think|guess|believe|wonder|understand|know|see|can(?:['’]t|not)?|could"
    r"|do not have|don['’]t have)\b",
    re.IGNORECASE,
)
_AND = re.compile(r"^(?:and|und|et|y|e)\s+", re.IGNORECASE)
_SAFETY = re.compile(r"safety|security|danger|sicherheit|sécurité|seguridad|sicurezza|segurança|безопасн|安全", re.IGNORECASE)
_NAMED = re.compile(r"(?!The|Our|My|This|That|All|Any|No|Every|Each|New|It|We|You|They|He|She)[A-Z][\w'’-]+ [A-Z][\w'’-]+ ")
_LETTERS = re.compile(r"[^\W\d_]|\s")


@remembered
def found(text: str) -> tuple[str, ...]:
    """The rules and facts in a user's words, each as whole sentences with the one before that it depends on.

    >>> found("Hi there. The budget cap is $500. Never exceed it without approval. Can you look at a.py?")
    ('The budget cap is $500. Never exceed it without approval.',)
    >>> found("ab jetzt bitte alle Antworten auf Deutsch. 请始终使用简体中文。")
    ('ab jetzt bitte alle Antworten auf Deutsch.', '请始终使用简体中文。')
    >>> found("Write logs in German. And no new dependencies, please.")
    ('Write logs in German.', 'And no new dependencies, please.')
    >>> found("I always get this error. Fix it, and make the tests pass.")
    ()
    """
    own = own_words(text)
    if not own or _is_of_others(own):
        return ()
    with_facts = len(own) <= MOST_TOLD
    lines = (line for line in own.split("\n") if not _OUTPUT.match(line))
    return tuple(dict.fromkeys(rule for line in lines for rule in _of_line(line, with_facts)))


def given(messages: Iterable[Message]) -> tuple[str, ...]:
    """The rules and facts that the user gave in messages, as `newest` leaves them."""
    return newest(rule for message in messages if message.asks for rule in found(message.said))


def newest(rules: Iterable[str]) -> tuple[str, ...]:
    """Rules, oldest first, each once, without those that a later one replaces.

    >>> newest(["Budget cap is $500.", "Use tabs.", "The budget cap is now $750."])
    ('Use tabs.', 'The budget cap is now $750.')
    >>> newest(["Never change part 8.", "Never change part 18."])
    ('Never change part 8.', 'Never change part 18.')
    """
    kept: list[str] = []
    for rule in rules:
        kept = [older for older in kept if older != rule and not replaces(rule, older)]
        kept.append(rule)
        del kept[:-MOST_RULES]
    return tuple(kept)


def forbids(rule: str) -> bool:
    """Whether a rule says what must not be done."""
    return any(map(_forbids, _sentences(rule)))


def asks_to_be_kept(rule: str) -> bool:
    """Whether a rule asks for something, and does not only tell how things are."""
    return any(_forbids(bare) or _binds(bare) for bare in _sentences(rule))


def is_for_safety(rule: str) -> bool:
    """Whether a rule says of itself that somebody's safety hangs on it."""
    label = LABEL.match(rule)
    return label is not None and _SAFETY.search(label[0]) is not None


def is_declared(rule: str) -> bool:
    """Whether a rule says of itself, in capitals, what it is: no "Note:" by the way.

    >>> is_declared("FACT: Production runs Postgres 15."), is_declared("Note: the linter config is in pyproject.toml.")
    (True, False)
    """
    label = LABEL.match(rule)
    return label is not None and label[0].isupper()


def unlabelled(rule: str) -> str:
    """A rule without what it says that it is.

    >>> unlabelled("HARD CONSTRAINT: Only Python 3.11.")
    'Only Python 3.11.'
    """
    label = LABEL.match(rule)
    return rule[label.end() :] if label else rule


def _is_of_others(own: str) -> bool:
    """Whether a text is a document, or a line of a transcript: none of it asks anything of who reads it."""
    if len(own) > MOST_PROSE or len(_HEADING.findall(own)) >= HEADINGS:
        return True
    return bool(_SPEAKER.match(own)) and not LABEL.match(own)


def _of_line(line: str, with_facts: bool) -> Iterator[str]:
    whole = _BULLET.sub("", line.strip()).strip()
    if LABEL.match(whole) and len(whole) <= LONGEST and not whole.endswith(("?", "？")):
        yield whole
        return
    group: list[str] = []
    before = ""
    for sentence in filter(None, map(str.strip, _END.split(whole))):
        joined = bool(group) and (_depends(sentence, with_facts) or _leans_back(sentence))
        if not joined and group:
            yield " ".join(group)
            group = []
        if joined and (_leans_back(sentence) or _is_rule(sentence, with_facts)):
            group.append(sentence)
        elif _is_rule(sentence, with_facts):
            needed = before if _depends(sentence, with_facts) and _is_prose(before) and not before.endswith("?") else ""
            group = [*group, *filter(None, [needed]), sentence] if not group else [*group, sentence]
        elif group:
            yield " ".join(group)
            group = []
        before = sentence
    if group:
        yield " ".join(group)


def _depends(sentence: str, with_facts: bool) -> bool:
    """Whether a sentence needs the one before; not where "and" leads to a rule of its own."""
    rest = _AND.sub("", sentence)
    if rest != sentence and _is_rule(rest, with_facts):
        return DEPENDS.search(rest) is not None
    return DEPENDS.search(sentence) is not None


def _leans_back(sentence: str) -> bool:
    return len(sentence) <= LONGEST // 4 and LEANS_BACK.match(sentence) is not None and not sentence.endswith("?")


def _is_rule(sentence: str, with_facts: bool) -> bool:
    """Whether a sentence asks to be kept to, or states a fact that later work has to go by; a question or a request does neither."""
    if not _is_prose(sentence) or sentence.endswith(("?", "？")):
        return False
    said = KINDNESS.sub("", sentence)
    bare = _bare(said)
    if _STORY.match(bare):
        return False
    return _forbids(bare) or _binds(bare) or (with_facts and _states(said))


def _forbids(bare: str) -> bool:
    words = words_of(bare)
    return has_any(FORBIDS, bare, words) or has_any(FORBIDS_ABROAD, bare, words)


def _binds(bare: str) -> bool:
    words = words_of(bare)
    return has_any(BINDS, bare, words) or has_any(BINDS_ABROAD, bare, words)


def _states(sentence: str) -> bool:
    return not MOMENTARY.match(sentence) and bool(
        STATES.match(sentence)
        or HABITS.match(sentence)
        or (CHANGES.match(sentence) and (TELLING.search(sentence[1:]) or _NAMED.match(sentence)))
    )


def _is_prose(sentence: str) -> bool:
    """Whether somebody says this, and no tool printed it."""
    if not SHORTEST <= len(sentence) <= LONGEST or _NO_PROSE.search(sentence):
        return False
    return len(_LETTERS.findall(sentence)) >= FEWEST_LETTERS * len(sentence)


def _bare(sentence: str) -> str:
    """A sentence without the words that only lead up to it.

    >>> _bare("Ok, and one more thing: don't touch a.py")
    "don't touch a.py"
    """
    bare = sentence
    while (opened := _OPENER.match(bare)) and opened.end() < len(bare):
        bare = bare[opened.end() :]
    return bare


def _sentences(rule: str) -> Iterator[str]:
    """The sentences of a rule, without what it says that it is."""
    return map(_bare, filter(None, _END.split(unlabelled(rule))))
