"""What a rule is about, so that a newer one takes the place of the older one on the same matter, in whatever words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from token_guard.compaction.rule_forms import FORBIDS, has_any, words_of
from token_guard.compaction.rule_forms_abroad import FORBIDS_ABROAD
from token_guard.compaction.statement_forms import LABEL

__all__ = ["names_of", "replaces", "same_manner", "words_in"]

SAME_SUBJECT = 0.6
"""Two rules with this share of their words are about the same; where their numbers or names differ, the newer one stands."""

FEWEST_SAME = 2
"""So many words at least are the same where a rule says that it is newer."""

_FIRST: Final = re.compile(r"[^.!?]*(?:[.!?](?!\s)[^.!?]*)*[.!?](?=\s+\S)")
"""The first of several sentences."""

_WORD: Final = re.compile(r"[^\W\d_]{2,}|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_UNSPACED: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{2,}")
_NAME: Final = re.compile(r"(?<![\w.-])[\w-]*\w\w(?:\.[\w-]+)*\.[a-z]\w{0,7}\b(?!\.\w)|(?<![\w.-])[A-Za-z]\w*_\w+", re.ASCII)
_HOLLOW: Final = frozenset(
    re.findall(
        r"\S+",
        "可以 现在 現在 不要 不用 以内 以后 请勿 必须 就是 一下 修改 更新 大丈 丈夫 変更 更し 更は 하지 마세 세요 이제 도록",
    )
)
"""Pairs of characters that say nothing of what a sentence is about."""

_NUMBER_WORDS: Final = (
    r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen"
    r"|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand)"
)
_MONTH: Final = r"(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_VALUE: Final = re.compile(
    rf"[^\s,;()]{{0,80}}\d[^\s,;()]*|\b[A-Z]\w+/\w+|[A-Z][\w-]*[A-Z][\w-]*|`[^`]+`|\"[^\"]+\"|\b{_MONTH}\b|(?<=[a-z,:;] )[A-Z][a-z]+\b"
    rf"|^[A-Z][a-z]+ [A-Z][a-z]+\b(?!/)"
    rf"|\b(?i:{_NUMBER_WORDS}(?:[ -]{_NUMBER_WORDS})*)\b"
)

NEWER: Final = re.compile(
    r"\b(?:now|instead|no longer|changed?|update[ds]?|correction|revised?|moved|new|raised|lowered|extended|shortened|switch(?:ed)?"
    r"|rebased|renamed|rotat(?:ed|ion)"
    r"|from now on|going forward|actually|rather|replaces?|supersedes?|scratch that|forget (?:what|the|about)|back to|after all"
    r"|on second thought"
    r"|jetzt|stattdessen|ab sofort|nun|désormais|dorénavant|plutôt|ahora|en adelante|mejor|adesso|ora|invece|agora|nu|теперь|отныне)\b"
    r"|现在|从今|以后|改为|改成|改用|更新|今後|これから|変更|이제|변경|앞으로",
    re.IGNORECASE,
)
"""Words of a rule that takes the place of another."""

_FILLER: Final = frozenset(
    re.findall(
        r"\w+",
        """is are be the an of to for and now new from with at in on by it its this that these those has have been was will
        changed change update updated correction must should shall may can please we our my your you us they them as or not
        do does quick going forward current currently actually rather instead total all every each any only always never
        keep put use set get make show give let want wants would like prefer prefers report stay under below within over
        above than more less no today week user
        send needs need reported
        cap capped ceiling limit maximum minimum max min let pass passes exceed exceeding without explicit explicitly approval""",
    )
)
"""Words that say nothing of what a rule is about."""

_ALIKE: Final[Mapping[str, str]] = {
    word: words.split()[0]
    for words in (
        "answer answers answering reply replies replying respond response responses responding",
        "release releases released releasing ship ships shipped shipping",
        "launch launches launched launching golive",
        "trip trips travel travelling traveling journey",
        "docs documentation documents manual handbook",
        "project projects effort",
        "internal internally",
        "measurement measurements units unit",
        "comment comments commenting",
        "time times clock clocks timestamp timestamps timezone timezones",
        "commit commits committing",
        "meeting meetings",
        "customer customers client clients",
        "deploy deploys deployment deployments deploying",
        "indent indents indentation indenting",
        "owner owners owns owned own",
    )
    for word in words.split()
}
"""Words that say the same."""

_MATTERS: Final[Mapping[str, str]] = {
    "spending": r"\b(?:budget|spend(?:s|ing)?|costs?|expens\w+|expenditure)\b|\b(?:ceiling|cap|limit)\b[^.]{0,30}(?:[$€£¥]|dollars|euros"
    "|pounds|usd|eur)"
    r"|\b(?:ausgaben|kosten|dépenses|gastos|presupuesto|spese)\b|预算|預算|予算|예산",
    "date": r"\b(?:deadline|due(?: date)?|target date|(?:launch|release|ship|start|end|delivery) (?:date|day|timing)|timing"
    "|scheduled for|freeze|go[- ]live"
    r"|ship (?:on|by)|launch(?:es)? (?:on|is)|goes live|frist|termin|stichtag|date limite|échéance|fecha límite|plazo|scadenza|prazo)\b"
    r"|截止|期限|마감",
    "name": r"\b(?:codename|code name|label|nickname|designated|called|calling|named|known as|refer to (?:it|the \w+) (?:as|by)"
    r"|codename\w*|nom de code|nombre en clave)\b",
    "clock": r"\b(?:utc|gmt|(?:pacific|central|eastern|mountain|local) (?:standard |daylight )?time|time ?zones?|[cp]e?s?t\b(?= time)"
    r"|zeitzone|fuseau|zona horaria)\b|时区|時区",
    "duty": r"\b(?:on[- ]call|pager|support (?:duty|escalations?|rota)|escalations?|rotation|duty|bereitschaft|astreinte|guardia)\b",
    "branch": r"\b(?:branch(?:ed)?|base commit|rebased|checked out|check out|zweig|rama|branche)\b",
    "progress": r"\b(?:phase|step|stage|milestone) \d+ of \d+\b",
    "secret": r"\b(?:code|password|passphrase|passcode|pin|safe word|token|secret|credentials?|passwort|mot de passe|contraseña)\b",
    "manner": r"\b(?:answer\w*|repl(?:y|ies)|respon\w+|tone|style|voice|antworte?n?|ton|réponses?|respuestas?|risposte)\b",
    "measure": r"\b(?:metric|imperial|metrisch\w*|métrique\w*|métric\w+)\b",
    "indent": r"\b(?:tabs|spaces|indent\w*)\b",
    "spelling": r"\b(?:british|american) (?:english|spelling)\b",
}
"""What rules are about of which one value holds at a time, by the words that name it, in any part of speech."""

_SCOPED: Final = frozenset({"spending", "date", "secret", "duty", "name", "progress"})
"""Matters of which there may be several: a budget of the project, and one of the trip. Of others, only one holds."""

_MANNERS: Final[tuple[Mapping[str, str], ...]] = tuple(
    {word: side for side, words in sides.items() for word in words.split()}
    for sides in (
        {
            "short": "short brief concise terse crisp succinct compact tight minimal",
            "long": "long detailed thorough verbose elaborate comprehensive exhaustive",
        },
        {
            "formal": "formal professional official impersonal",
            "casual": "casual informal playful relaxed chatty humorous funny cheeky light warm friendly",
        },
        {"metric": "metric metrisch metrische métrico métricas métrique", "imperial": "imperial"},
        {"tabs": "tabs", "spaces": "spaces"},
        {"eur": "euro euros eur", "usd": "dollar dollars usd", "gbp": "pounds gbp", "chf": "chf franken"},
        {"british": "british", "american": "american"},
        {
            "en": "english englisch anglais inglés inglês inglese engels английски английском ingilizce 英文 英语 英語 영어",
            "de": "german deutsch allemand alemán alemão tedesco duits немецки немецком almanca 德语 德文 ドイツ語 독일어",
            "fr": "french französisch français francés francês francese frans французски французском 法语 法文 フランス語 프랑스어",
            "es": "spanish spanisch espagnol español espanhol spagnolo spaans испански испанском 西班牙语 スペイン語 스페인어",
            "it": "italian italienisch italien italiano",
            "pt": "portuguese portugiesisch portugais português",
            "nl": "dutch niederländisch néerlandais nederlands",
            "ru": "russian russisch russe ruso русски русском 俄语 俄文",
            "zh": "chinese chinesisch chinois chino китайски 中文 简体 中国語 중국어",
            "ja": "japanese japanisch japonais japonés японски 日文 日语 日本語 일본어",
            "ko": "korean koreanisch coréen coreano корейски 韩语 韓国語 한국어",
            "tr": "turkish türkisch turc turco türkçe",
            "pl": "polish polnisch polonais polaco",
        },
    )
)
"""Manners that exclude one another, by what they are of."""

_MANNER_WORDS: Final = frozenset(word for sides in _MANNERS for word in sides)
_LANGUAGE: Final = re.compile("|".join(sorted((word for word in _MANNER_WORDS if word > "\u3000"), key=len, reverse=True)))
"""The languages in scripts whose words are not told apart by spaces."""

_DOING: Final = frozenset(
    re.findall(
        r"\S+",
        """write speak say talk use keep stick default switch make please bitte schreib schreibe antworte sprich verwende auf écris
        réponds parle utilise en escribe responde usa habla пиши отвечай говори по lieber doch
        wieder four two eight vier zwei spelling language""",
    )
)
"""Words of rules on manners that say nothing of what is to be so."""

_OBJECTS: Final = frozenset(("comment", "commit", "report", "docs", "code", "email"))
"""What manners are of, beside answers."""

_PURPOSE: Final = re.compile(
    r"(?<!\w)(?:for|für|pour|para|per|para|для|voor|dla|in (?:the|all|any|our|my)|in (?=[\w-]+ (?:files?|code|modules?|scripts?|tests?))"
    r"|im|beim|in (?:der|den|allen)|dans|nel|nella|nos?|nas?) ((?:[\w.'’-]+ ?){1,4})"
)
"""What a rule is for, where it says so."""


@dataclass(frozen=True, slots=True)
class _Subject:
    """What a rule speaks of: its words, its numbers and names, the matters that it settles and how, whether it says that it is newer."""

    words: frozenset[str]
    values: frozenset[str]
    matters: frozenset[str]
    manners: Mapping[int, frozenset[str]]
    newer: bool
    forbids: bool
    opens_with_value: bool
    """Whether it states a value before it says what to do about it: a cap, and that nobody may exceed it."""

    spoken: frozenset[str]
    """Its words with those that are in names."""

    purpose: frozenset[str]
    """What it says that it is for, or in."""

    @property
    def is_narrow(self) -> bool:
        """Whether it is for some things and not for all."""
        return bool(self.purpose) or not self.spoken.isdisjoint(_OBJECTS)

    def of(self, matter: str) -> frozenset[str]:
        """What else it speaks of than the matter: of whose budget, of which date."""
        return frozenset(word for word in self.words if not re.search(_MATTERS[matter], word))


def replaces(rule: str, older: str) -> bool:
    """Whether a rule takes the place of an older one: on the same matter, with another value; prohibitions add up.

    >>> replaces("We ship on May 4 now.", "FACT: The release date is 2027-03-01."), replaces("Reply in German.", "Answer in English.")
    (True, True)
    >>> replaces("Use four spaces in Python files.", "Use tabs in the Makefile."), replaces("Use spaces instead.", "Use tabs.")
    (False, True)
    >>> replaces("The travel budget is $300.", "The project budget is $500."), replaces("Keep comments in English.", "Answer in German.")
    (False, False)
    """
    mine, its = _subject(rule), _subject(older)
    if "clock" not in mine.matters and mine.purpose - its.purpose and its.purpose - mine.purpose:
        return False
    if mine.forbids and its.forbids and not (mine.newer and "secret" in mine.matters & its.matters):
        caps = "spending" in mine.matters & its.matters
        return (caps or (mine.opens_with_value and its.opens_with_value)) and _settles(mine, its)
    if mine.manners and its.manners and _excludes(mine, its):
        return True
    return _restates(mine, its) or (not mine.matters.isdisjoint(its.matters) and _settles(mine, its))


@lru_cache(maxsize=4_096)
def names_of(said: str) -> frozenset[str]:
    """The files and other things that a sentence names, without what leads to them.

    >>> sorted(names_of("Never touch `app/settings.toml` or MAX_ROWS; use 3.5 e.g. for it."))
    ['max_rows', 'settings.toml']
    """
    return frozenset(name.lower() for name in _NAME.findall(said))


@lru_cache(maxsize=4_096)
def words_in(said: str) -> frozenset[str]:
    """The words by which a sentence says what it is about, beside names; of scripts without spaces, each two characters"
    " beside one another."""
    lower = said.lower()
    pairs = {run[place : place + 2] for run in _UNSPACED.findall(lower) for place in range(len(run) - 1) if run[place] > "ゟ"}
    return (_subject(_NAME.sub(" ", said)).spoken | pairs) - _HOLLOW


def same_manner(one: str, other: str) -> bool:
    """Whether both name a language, a tone, a kind of units or of indentation."""
    return not _subject(one).manners.keys().isdisjoint(_subject(other).manners.keys())


def _restates(mine: _Subject, its: _Subject) -> bool:
    """Whether one says the same with other numbers or names; where each has words of its own, they are about two things."""
    same = mine.words & its.words
    if not same or mine.values == its.values or not its.values:
        return False
    alike = len(same) >= SAME_SUBJECT * len(mine.words | its.words) and not (mine.words - its.words and its.words - mine.words)
    return alike or (mine.newer and len(same) >= FEWEST_SAME and len(same) >= SAME_SUBJECT * min(len(mine.words), len(its.words)))


def _settles(mine: _Subject, its: _Subject) -> bool:
    """Whether both settle the same matter, each with a value."""
    for matter in mine.matters & its.matters - {"manner", "measure", "indent", "spelling"}:
        if mine.values == its.values or not (mine.values and its.values):
            continue
        own, other = mine.of(matter), its.of(matter)
        if own & other or not (own or other) or matter == "clock" or (mine.newer and (matter not in _SCOPED or not own or not other)):
            return True
    return False


def _excludes(mine: _Subject, its: _Subject) -> bool:
    """Whether both say how to do the same, in manners that exclude one another; or the newer one says that it is."""
    shared = mine.manners.keys() & its.manners.keys()
    if any(mine.manners[kind].isdisjoint(its.manners[kind]) for kind in shared):
        own, other = (subject.spoken - _MANNER_WORDS - _DOING - {"answer"} for subject in (mine, its))
        if own & other:
            return True
        narrow = mine.is_narrow or its.is_narrow
        return not narrow and (mine.newer or not (own and other))
    return mine.newer and "manner" in mine.matters & its.matters


@lru_cache(maxsize=4_096)
def _subject(rule: str) -> _Subject:
    label = LABEL.match(rule)
    said = rule[label.end() :] if label else rule
    lower = said.lower()
    spoken = [*_WORD.findall(lower), *_LANGUAGE.findall(lower)]
    first = _FIRST.match(said)
    manners = {
        number: frozenset(sides[word] for word in spoken if word in sides)
        for number, sides in enumerate(_MANNERS)
        if any(map(sides.__contains__, spoken))
    }
    return _Subject(
        frozenset(_ALIKE.get(word, word) for word in _WORD.findall(_VALUE.sub(" ", said).lower())) - _FILLER,
        frozenset(value.strip(".:!").lower() for value in _VALUE.findall(said)),
        frozenset(matter for matter, form in _MATTERS.items() if re.search(form, lower)),
        manners,
        NEWER.search(rule) is not None,
        _forbids(said),
        first is not None and bool(_VALUE.search(first[0])) and not _forbids(first[0]),
        frozenset(_ALIKE.get(word, word) for word in spoken) - _FILLER,
        frozenset(_ALIKE.get(word, word) for told in _PURPOSE.findall(lower) for word in _WORD.findall(told))
        - (_FILLER - {"us"})
        - _MANNER_WORDS,
    )


def _forbids(said: str) -> bool:
    return has_any((*FORBIDS, *FORBIDS_ABROAD), said, words_of(said))
