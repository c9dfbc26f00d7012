"""What a user asks to be kept to: rules and facts, recognised by their form in the user's own prose, in several languages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from token_guard.compaction.remembered import remembered
from token_guard.compaction.rule_forms import BINDS, DEPENDS, FACT, LABEL, LIMIT, NEWER, PROHIBITS, REQUEST, TELLING
from token_guard.conversation import Message
from token_guard.speech import own_words

__all__ = ["found", "given", "newest"]

LONGEST = 700
"""Characters of a sentence; longer ones are pasted text."""

SHORTEST = 6
"""Characters; shorter ones say nothing by themselves."""

MOST_PROSE = 40_000
"""Characters of a message in which rules are looked for: what is longer is a document."""

MOST_RULES = 200
"""Rules that are remembered of a session; more are no rules."""

SAME_SUBJECT = 0.6
"""Two rules with this share of their words are about the same; where their numbers or names differ, the newer one stands."""

FEWEST_SAME = 2
"""So many words at least are the same where a rule says that it is newer."""

_SENTENCE = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=\S)|(?<=[。！？])|\n+")
_BULLET = re.compile(r"^(?:[-*•]|\d{1,2}[.)])\s+")
_WORD = re.compile(r"[^\W\d_]{2,}|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_VALUE = re.compile(r"[^\s,;()]*\d[^\s,;()]*|[A-Z][\w-]*[A-Z][\w-]*|`[^`]+`|\"[^\"]+\"")
_FILLER = frozenset(
    [
        "is",
        "are",
        "be",
        "the",
        "an",
        "of",
        "to",
        "for",
        "and",
        "now",
        "new",
        "from",
        "with",
        "at",
        "in",
        "on",
        "by",
        "it",
        "this",
        "that",
        "has",
        "have",
        "been",
        "was",
        "will",
        "changed",
        "update",
        "updated",
        "correction",
    ]
)


@remembered
def found(text: str) -> tuple[str, ...]:
    """The rules and facts in a user's words, each as whole sentences with the one before that it depends on.

    >>> found("Hi there. The budget cap is $500. Never exceed it without approval. Can you look at a.py?")
    ('The budget cap is $500. Never exceed it without approval.',)
    >>> found("ab jetzt bitte alle Antworten auf Deutsch. 请始终使用简体中文。")
    ('ab jetzt bitte alle Antworten auf Deutsch.', '请始终使用简体中文。')
    """
    own = own_words(text)
    if not own or len(own) > MOST_PROSE:
        return ()
    return tuple(dict.fromkeys(rule for paragraph in own.split("\n") for rule in _of_paragraph(paragraph)))


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
        kept = [older for older in kept if older != rule and not _replaces(rule, older)]
        kept.append(rule)
        del kept[:-MOST_RULES]
    return tuple(kept)


def _of_paragraph(paragraph: str) -> Iterator[str]:
    whole = _BULLET.sub("", paragraph.strip())
    if LABEL.match(whole) and len(whole) <= LONGEST and not whole.endswith("?"):
        yield whole
        return
    sentences = [sentence.strip() for sentence in _SENTENCE.split(whole) if sentence and sentence.strip()]
    group: list[str] = []
    for place, sentence in enumerate(sentences):
        if not _binds(sentence):
            continue
        before = sentences[place - 1] if place else ""
        joined = DEPENDS.search(sentence) if group and group[-1] is before else None
        if group and not joined:
            yield " ".join(group)
            group = []
        if not group and DEPENDS.search(sentence) and before and len(before) <= LONGEST // 2 and not before.endswith("?"):
            group = [before]
        group.append(sentence)
    if group:
        yield " ".join(group)


def _binds(sentence: str) -> bool:
    """Whether a sentence asks to be kept to, or states a fact that later work has to go by; a question or a request does neither."""
    if not SHORTEST <= len(sentence) <= LONGEST or sentence.endswith(("?", "？")):
        return False
    if BINDS.search(sentence) or LIMIT.search(sentence):
        return True
    return bool(FACT.search(sentence) and TELLING.search(sentence)) and not REQUEST.match(sentence)


def _replaces(rule: str, older: str) -> bool:
    """Whether a rule is about the same as an older one, with other values; prohibitions add up."""
    mine, its = _subject(rule), _subject(older)
    same = len(mine & its)
    alike = same >= SAME_SUBJECT * len(mine | its)
    if not same or not (alike or (same >= FEWEST_SAME and same >= SAME_SUBJECT * min(len(mine), len(its)) and _is_newer(rule))):
        return False
    return _values(rule) != _values(older) and not (_forbids(rule) and _forbids(older))


@lru_cache(maxsize=4_096)
def _forbids(rule: str) -> bool:
    return PROHIBITS.search(rule) is not None


@lru_cache(maxsize=4_096)
def _is_newer(rule: str) -> bool:
    return NEWER.search(rule) is not None


@lru_cache(maxsize=4_096)
def _subject(rule: str) -> frozenset[str]:
    return frozenset(word for word in _WORD.findall(_VALUE.sub(" ", rule).lower())) - _FILLER


@lru_cache(maxsize=4_096)
def _values(rule: str) -> frozenset[str]:
    return frozenset(value.strip(".:!") for value in _VALUE.findall(rule))
