"""What a user asks to be kept to: rules and facts, recognised by their form in the user's own prose, in several languages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from token_guard.compaction.quotations import hidden, own_lines
from token_guard.compaction.remembered import remembered
from token_guard.compaction.rule_forms import BINDS, FORBIDS, has_any, words_of
from token_guard.compaction.rule_forms_abroad import BINDS_ABROAD, FORBIDS_ABROAD
from token_guard.compaction.rule_subjects import replaces
from token_guard.compaction.statement_forms import (
    CHANGES,
    DEPENDS,
    EXCEPTS,
    HABITS,
    KINDNESS,
    LABEL,
    LEANS_BACK,
    MOMENTARY,
    STATES,
    TELLING,
)
from token_guard.compaction.story_forms import REPORTED, STORY
from token_guard.conversation import Message
from token_guard.speech import own_words

__all__ = ["asks_to_be_kept", "forbids", "found", "given", "is_declared", "is_for_safety", "newest", "statements", "unlabelled"]

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
_END = re.compile(
    r"(?<=[.!?…])(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\betc\.)(?<!\bvs\.)(?<!\b[A-Z]\.)[\"'”’»)\]*]*(?=\s)|(?<=[。！？।])(?![」』”»])"
)
_BULLET = re.compile(r"^(?:[-*•–]|\d{1,2}[.)]|\[[ x]\])\s+")
_OPENER = re.compile(
    r"^(?:[*_\"'“(]+|(?:ok(?:ay)?|yes|yeah|no|sure|great|good|fine|well|oh|hey|hi|hmm+|btw|by the way|also|and|but|so|one more thing"
    r"|another thing"
    r"|quick (?:update|note|reminder)|update|important|note|reminder|fyi|actually|again|besides|for this|thanks|thank you|alright|right"
    r"|cool|additionally"
    r"|furthermore|moreover|finally|first(?:ly)?|second(?:ly)?|lastly)\b[,:.!;–—-]+\s*(?:that\s+)?|(?:also|and|but|so|then|actually)\s+)",
    re.IGNORECASE,
)
_NO_PROSE = re.compile(
    r"^(?:\d+[:|)\]\t]|[+|$#@{<}\\=]|/\S|-{2,}|\w*(?:Error|Exception|Warning)\b|(?:error|warning|hint|fatal|panic|traceback|failed"
    r"|e\d{3,4})\b[ :(])"
    r"|\\[nt\"]|[{;]$|\(\)|=>|:=|==|\{\"|=\"|\$\{|^[\w./-]+:\d+|\{\w+\}",
    re.IGNORECASE,
)
_OUTPUT = re.compile(r"^(?: {4}|\t)(?!\s*(?:[-*•]|\d{1,2}[.)])\s)", re.MULTILINE)
_AND = re.compile(r"^(?:and|und|et|y|e)\s+", re.IGNORECASE)
_SAFETY = re.compile(r"safety|security|danger|sicherheit|sécurité|seguridad|sicurezza|segurança|безопасн|安全", re.IGNORECASE)
_NAMED = re.compile(r"(?!The|Our|My|This|That|All|Any|No|Every|Each|New|It|We|You|They|He|She)[A-Z][\w'’-]+ [A-Z][\w'’-]+ ")
_LETTERS = re.compile(r"[^\W\d_]|\s|[\u0900-\u0dff\u0e00-\u0eff]")


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
    return tuple(dict.fromkeys(rule for line in _lines(own) for rule in _of_line(line, with_facts)))


def statements(text: str) -> Iterator[str]:
    """The sentences of a user's own prose that belong to no rule and ask nothing, as they stand in it.

    >>> list(statements("Never push. You may pull. He said “Never pull.” Why?"))
    ['You may pull.', 'He said “Never pull.”']
    """
    own = own_words(text)
    if not own or _is_of_others(own):
        return
    told = "\n".join(found(text))
    for line in _lines(own):
        for sentence in line.stripped().sentences():
            if _is_prose(sentence.open) and not sentence.open.endswith(("?", "？")) and sentence.text not in told:
                yield sentence.text


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


@dataclass(frozen=True, slots=True)
class _Said:
    """What somebody said, and the same in as many characters where what is quoted says nothing."""

    text: str
    open: str

    def stripped(self) -> _Said:
        """Without the bullet of a list, and without space around it."""
        start = len(self.text) - len(self.text.lstrip())
        bullet = _BULLET.match(self.text[start:])
        return self.part(start + bullet.end() if bullet else start, len(self.text.rstrip()))

    def sentences(self) -> Iterator[_Said]:
        """The sentences: none ends within a quote, and none is torn from the mark that closes one."""
        ends = [*(end.end() for end in _END.finditer(self.open)), len(self.text)]
        parts = (self.part(start, end) for start, end in pairwise([0, *ends]))
        return (part for part in parts if part.text)

    def part(self, start: int, end: int | None = None) -> _Said:
        """From one place to another, or to the end, without space around it."""
        text = self.text[start:end]
        before = len(text) - len(text.lstrip())
        return _Said(text.strip(), self.open[start + before : end].rstrip())


def _lines(own: str) -> Iterator[_Said]:
    """The lines of a user's words that are the user's: not what is pasted, and not what looks like output."""
    text = "\n".join(own_lines(own))
    pairs = zip(text.split("\n"), hidden(text).split("\n"), strict=True)
    return (_Said(line, said) for line, said in pairs if not _OUTPUT.match(line))


def _is_of_others(own: str) -> bool:
    """Whether a text is a document, or a line of a transcript: none of it asks anything of who reads it."""
    if len(own) > MOST_PROSE or len(_HEADING.findall(own)) >= HEADINGS:
        return True
    return bool(_SPEAKER.match(own)) and not LABEL.match(own)


def _of_line(line: _Said, with_facts: bool) -> Iterator[str]:
    said = line.stripped()
    if LABEL.match(said.text) and len(said.text) <= LONGEST and not said.text.endswith(("?", "？")):
        yield said.text
        return
    group: list[str] = []
    before = _Said("", "")
    for sentence in said.sentences():
        if group and (_joins(sentence, with_facts)):
            group.append(sentence.text)
        else:
            if group:
                yield _joined(group)
            group = [*_needed(before, sentence, with_facts), sentence.text] if _is_rule(sentence, with_facts) else []
        before = sentence
    if group:
        yield _joined(group)


def _joined(sentences: Iterable[str]) -> str:
    """Sentences as they stood beside one another."""
    return "".join(part if part.endswith(("。", "！", "？")) else f"{part} " for part in sentences).rstrip()


def _joins(sentence: _Said, with_facts: bool) -> bool:
    """Whether a sentence belongs to the rule right before it: it leans on it, or makes an exception from it."""
    said = sentence.open
    if _leans_back(said) or (EXCEPTS.match(said) and len(said) <= LONGEST and not said.endswith(("?", "？"))):
        return True
    return _depends(sentence, with_facts) and _is_rule(sentence, with_facts)


def _needed(before: _Said, sentence: _Said, with_facts: bool) -> list[str]:
    """The sentence before, where a rule depends on it."""
    depends = _depends(sentence, with_facts) and _is_prose(before.open) and not before.open.endswith("?")
    return [before.text] if depends else []


def _depends(sentence: _Said, with_facts: bool) -> bool:
    """Whether a sentence needs the one before; not where "and" leads to a rule of its own."""
    leads = _AND.match(sentence.open)
    if leads and _is_rule(rest := sentence.part(leads.end()), with_facts):
        return DEPENDS.search(rest.open) is not None
    return DEPENDS.search(sentence.open) is not None


def _leans_back(sentence: str) -> bool:
    return len(sentence) <= LONGEST // 4 and LEANS_BACK.match(sentence) is not None and not sentence.endswith("?")


def _is_rule(sentence: _Said, with_facts: bool) -> bool:
    """Whether a sentence asks to be kept to, or states a fact that later work has to go by; a question or a request does neither."""
    if not _is_prose(sentence.open) or sentence.open.endswith(("?", "？")):
        return False
    said = KINDNESS.sub("", sentence.open)
    bare = _bare(said)
    if STORY.match(bare) or REPORTED.match(bare):
        return False
    return _forbids(bare) or _binds(bare) or (with_facts and _states(KINDNESS.sub("", sentence.text)))


def _forbids(bare: str) -> bool:
    words = words_of(bare)
    return has_any(FORBIDS, bare, words) or has_any(FORBIDS_ABROAD, bare, words)


def _binds(bare: str) -> bool:
    words = words_of(bare)
    return has_any(BINDS, bare, words) or has_any(BINDS_ABROAD, bare, words)


def _states(sentence: str) -> bool:
    return (
        not MOMENTARY.match(sentence)
        and not sentence.endswith((":", "："))
        and bool(
            STATES.match(sentence)
            or HABITS.match(sentence)
            or (CHANGES.match(sentence) and (TELLING.search(sentence[1:]) or _NAMED.match(sentence)))
        )
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
    said = unlabelled(rule)
    return (_bare(sentence.open) for sentence in _Said(said, hidden(said)).sentences())
