"""The forms of rules and facts in English: tables of words, one pattern for each thing that a sentence can do.

A sentence asks to be kept to by its form: who is spoken to, how, and for how long. A request to do something once has none of
these forms, nor has a story in which something "never worked" or "must have been".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from token_guard.compaction.rule_words import (
    CLAUSE,
    DOING,
    DOING_WORDS,
    HELD_TO,
    KEEPING,
    NUMBER,
    PAST,
    QUANTITY,
    SAYING,
    SAYING_WORDS,
    SHAPE,
    STANDING,
)

__all__ = ["BEYOND_ASCII", "BINDS", "FORBIDS", "Form", "form", "has_any", "words_of"]


BEYOND_ASCII: Final = "*"
"""Stands among the words of a sentence that is not all ASCII: scripts whose words are not told apart by spaces."""

_BETWEEN: Final = {code: " " for code in range(128) if not chr(code).isalnum()} | {ord("’"): " "}


@dataclass(frozen=True, slots=True)
class Form:
    """A form of sentences: without any of its `words` (where it names some) no sentence has it, which is cheap to see."""

    words: frozenset[str]
    pattern: re.Pattern[str]


def form(words: str, *patterns: str) -> Form:
    """The form of the sentences that one of the patterns finds, in lower or upper case."""
    return Form(frozenset(words.split()), re.compile("|".join(patterns), re.IGNORECASE))


def has_any(forms: Iterable[Form], sentence: str, words: frozenset[str]) -> bool:
    """Whether a sentence of these words, in lower case, has one of the forms."""
    return any((not form.words or not form.words.isdisjoint(words)) and form.pattern.search(sentence) for form in forms)


def words_of(sentence: str) -> frozenset[str]:
    """The words of a sentence in lower case, by which it is seen at once which forms it cannot have.

    >>> sorted(words_of("Don't use é."))
    ['*', 'don', 't', 'use', 'é']
    """
    words = frozenset(sentence.lower().translate(_BETWEEN).split())
    return words if sentence.isascii() else words | {BEYOND_ASCII}


FORBIDS: Final = (
    form(
        "do don dont",
        CLAUSE
        + r"(?:do not|don['’]?t)\s+(?:ever\s+|you\s+)?(?!(?:worry|know|think|mind|see|understand|remember|have|care|need|want|believe"
        r"|recall|forget|hesitate|seem|work|feel|get|really|even|quite|actually|be (?:afraid|shy|surprised)|agree|like|notice"
        r"|expect|give up|quit)\b)\w+",
        r"\bi (?:really |absolutely )?(?:do not|don['’]t|never) (?:ever )?want (?:you to|any|to see|to read|to be|it to)\b",
    ),
    form(
        "never",
        CLAUSE + r"(?:never|not ever)\s+(?!" + PAST + r"\b)"
        r"(?!(?:mind|know|give up|quit|been|had|was|were|got|did|knew|saw|the|a|an|again|really|heard|seen|in|once|to)\b"
        r"|\w+(?<!ne)ed\b)\w+",
        r"\b(?:must|shall|should|may|is|are|be|to|you|\w+s) never\b(?! (?:know|been|had|was|were|got|saw|\w+ed)\b)",
    ),
    form(
        "avoid refrain clear away hands circumstances account stop skip omit out longer",
        CLAUSE
        + r"(?:avoid(?!s|ed|ing)|refrain from|steer clear|stay (?:away from|out of)|keep (?:[\w' ]{1,40} )?(?:away from|out of)|hands off"
        r"|under no circumstances|on no account|stop \w+ing|skip (?:the|all|any)|omit|leave out"
        r"|no longer (?:use|do|add|write|include|mention))\b",
    ),
    form(
        "must mustn shall shan should shouldn may can cannot aren",
        r"\b(?:must|shall)(?:n['’]t| not)\b|\b(?:nobody|no one|none of \w+|they|we|that|this|\w+s) (?:may not|should ?n['’]t ever)\b",
        r"\byou (?:should not|shouldn['’]t|may not|can(?:not|['’]t)|are not to|aren['’]t to|are never to)\b(?! (?:just|really|even|see"
        r"|load|know)\b)",
    ),
    form(
        "allowed permitted acceptable negotiable forbidden prohibited banned limits off bounds taboo go read frozen option not out",
        r"\b(?:is|are|be|stays?|remains?)\s+(?:strictly |absolutely |completely )?(?:not allowed|not permitted|not acceptable"
        r"|not negotiable"
        r"|forbidden|prohibited|banned|off[- ]limits|out of bounds|not to be|never to be|taboo|a no-go|read[- ]only|frozen"
        r"|not an option|off the table|out of the question)\b",
        r"\bnot (?:allowed|permitted) to\b",
    ),
    form(
        "no",
        r"^(?:absolutely |strictly |and |but |also |please,? )?no (?!(?:problem|worries|idea|need|doubt|thanks?|way|one|rush|luck|more than"
        r"|longer|such|errors?|wonder|changes? (?:yet|needed)|results?|matter|worry|joke|kidding|clue|other|real|big|fixes|output|i|it"
        r"|that|the"
        r"|this|you|we|but|not|less|fewer|signal|service)\b)(?!(?:\S+ ){0,5}(?:i|we|was|were|has|have|had|found|available|needed|applied"
        r"|is (?!to\b|allowed|permitted)|are (?!to\b|allowed))\b)[\w`][^?\n]{2,140}$",
    ),
    form(
        "nobody no nothing none",
        r"\b(?:nobody|no one|nothing|none)\b[^.?!]{0,50}\b(?:may|must|should|is to|goes?|leaves?|ships?|gets?|can be)\b",
        r"^(?:[^,.?!]{2,40}, )?(?:nobody|no one) (?:touches|changes|edits|deletes|uses|sends|pushes|merges|deploys|writes"
        r"|reads|opens|runs|starts|adds)\b",
    ),
    form(
        "without unless",
        r"\b(?:without|unless)\b[^.?!,]{0,40}\b(?:approv\w+|permission|consent|asking|confirm\w*|sign-?off|reviewed|the okay|agree\w*"
        r"|clearance)\b",
    ),
    form(
        "we",
        r"^we (?:cannot|can['’]t|can not|must not|do not|don['’]t|never) (?:use|add|ship|store|log|send|take|rely on|depend on|touch|change"
        r"|break|mention|support|want)\b",
    ),
    form("hate stand dislike", r"\bi (?:hate|can['’]t stand|dislike)\b"),
)
"""What forbids: it is kept before all else."""

BINDS: Final = (
    form(
        "now here forward henceforth further otherwise exceptions exception times cases matter rest remainder duration rule time mind",
        r"\b(?:from now on|from here on|going forward|henceforth|until further notice|until (?:i say|told) otherwise|no exceptions"
        r"|without exception|at all times|in all cases|no matter what|for the (?:rest|remainder|duration) of (?:this|the|our)"
        r"|as a (?:general )?rule\b(?! of thumb)|every single time|(?:keep|bear) in mind)\b",
    ),
    form("remember", r"(?<!\bi )\bremember that\b"),
    form(
        "",
        r"^(?:also |and |but |please )?(?:starting (?:now|today|with)|as of (?:now|today)|in (?:the )?future,|in (?:every|each|all"
        r"|any) \w+,?"
        r"|for (?:every|each|all|any)\b|whenever|every time|each time|any ?time)\b",
        r"^(?:if|when|once|before|after|in case|should)\b[^?]{3,140}?,\s*(?:then |please |always |first |you (?:must|should|have to) )?"
        r"(?:" + SAYING + r"|" + DOING + r"|keep|leave|avoid|do not|don['’]t|never)\b",
        r"^(?:for|in|on|with|under) [^?,]{3,60},\s*(?:please |always |only )?(?:" + SAYING + r"|keep|stick|stay|avoid)\b",
        r"^(?:an? )?(?:max(?:imum|\.)?|min(?:imum|\.)?|at most|at least|no more than|up to|exactly) (?:of )?" + NUMBER + r"[ -]\w+",
        r"^(?:bullet points|plain (?:text|english|language)|short (?:answers|sentences|replies)|metric units|formal tone)\b[^?]{0,60}$",
        r"^whatever happens,|^[^?]{3,80}, nothing else[.!]?$|^prefer \w[^?]{2,80} (?:over|to)\b|^go by (?:the|my|our|what)\b",
        r"^(?:trust|favou?r) \w[^?]{2,80} over\b",
        r"^[^?]{0,40}" + NUMBER + r" (?:\w+ ){1,3}at (?:the )?(?:very )?(?:most|least)\b",
        r"^sound (?:as )?(?:friendly|warm|neutral|formal|calm|confident|professional)\b",
        r"^(?:our|the|my) (?:target |house )?(?:audience|readership|target group|style|tone|voice)(?: of voice)? (?:is|are)\b",
        r"^[^?]{3,80} (?:is|are) (?:the (?:one|ones) that (?:counts?|appl(?:y|ies)|matters?)|authoritative)\b",
        r"^[\w'’ -]{2,40} (?:stays?|remains?) (?:pinned|frozen|untouched|unchanged|private|internal|closed|as (?:is|it is|they are))\b",
        r"^we (?:only )?have (?:only )?" + NUMBER + r" (?:\w+ )?(?:days?|weeks?|hours?|minutes?|months?|dollars?|euros?)\b",
        r"^all (?:of )?(?:[\w'/.-]+ ){1,4}(?:goes|go|belongs?|lives?|stays?|ends? up) (?:in|into|under|to|through)\b",
        CLAUSE + SAYING + r"\b[^?]{3,120}\b(?:whatever|wherever|whenever|everything|anything) you (?:tell|say|write|send|report"
        r"|answer|show|give|produce|deliver|change|touch|add|make|build|publish)\b",
        CLAUSE + r"(?:" + SAYING + r"|" + DOING + r")\b[^?]{3,100} when(?:ever)? you (?:recommend|suggest|propose|claim|state|answer|reply"
        r"|write|describe|explain|summari[sz]e|mention|cite|quote|refer|report|name|add|change|edit|touch|delete|rename|refactor|commit)\b",
        r"^(?:\w+ )?" + HELD_TO + r" (?:\w+ ){0,5}?(?:(?:must|should|shall|may|ha(?:s|ve) to|(?:are|is) (?:always|only|never|to)"
        r"|go(?:es)? (?:in|to|as)|comes? from|belongs? in|starts? with|ends? with|stays?)\b|"
        + SHAPE
        + r"(?: for (?:the |our |all )?[\w -]{2,40})?(?:,? please)?[.!]?$)",
    ),
    form(
        "not",
        r"^(?!(?:yes|no|ok|okay|sorry|well|sure|maybe|actually|hm+|probably|strange|please|wait|but|and|still|oh|nice|great|fine|right|true|i|it)\b)"
        r"(?:[\w'’-]+ ){0,3}[\w'’-]+, (?:and )?not (?!(?:yet|sure|now|today|really|that|this|the|an?|bad|much|so|very|too"
        r"|possible|working|good|great"
        r"|me|exactly|quite|at|in|only|what|because|just|all|found|available|necessarily|necessary|needed)\b)[\w'’-]+(?: [\w'’-]+){0,2},?"
        r"(?: (?:in|for|on|with) [^?]{2,60})?[.!]?$",
    ),
    form(
        "always only exclusively solely ever",
        CLAUSE
        + r"(?:always|only|exclusively|solely)\s+(?!(?:been|had|was|were|the problem|one|a|thing|that|this|it|i|if|when|because|to|in"
        r"|after|then|two|three)\b)[\w`]+",
        r"\b(?:you|must|should|shall|will|to|\w+s (?:are|is) to) (?:always|only|ever)\b(?! (?:get|see|have|getting|seeing)\b)",
        r"^[^?]{3,80}\bonly[.!]?$",
    ),
    form(
        "keep stay remain stick adhere conform comply follow respect obey maintain preserve limit restrict confine cap be leave treat"
        " pretend act assume",
        KEEPING,
    ),
    form(
        SAYING_WORDS,
        CLAUSE + r"(?!\w+ me (?:all|every|each|the)\b|\w+ some\b)" + SAYING + r"\b[^?]{0,160}?(?:" + STANDING + r"|" + SHAPE + r")",
    ),
    form(DOING_WORDS, CLAUSE + r"(?!go ahead\b)" + DOING + r"\b(?! (?:me|it|them|us) )[^?]{0,160}?" + STANDING),
    form(
        "your all every each any both the",
        r"\b(?:your|all|every|each|any|both|the) (?:[\w'’-]+ ){0,3}?" + HELD_TO + r" (?:[\w'’-]+ ){0,4}?"
        r"(?:must|should (?:be|have|use|stay|never|always|only|not|start|end|contain|fit|go)|shall|ha(?:s|ve) to|needs? to (?:be|have"
        r"|stay|fit|go)"
        r"|(?:are|is) to\b|may only|can only|ought to|goes? (?:in|to|into)\b)",
    ),
    form(
        "all every each any only",
        r"\b(?:all|every|each|any|only)\b[^.?!]{2,70}\b(?:must|shall|ha(?:s|ve) to|may|are to|is to|can only|go(?:es)? through)\b",
    ),
    form(
        "every each",
        r"^(?:every|each) (?:[\w'’-]+ ){1,4}?(?:gets?|needs?|carr(?:y|ies)|starts? with|ends? (?:in|with))\b"
        r"(?! (?:to|the same|\w+ing)\b| (?:an? )?\d)",
    ),
    form(
        "take",
        CLAUSE + r"take (?:the |all |your |any )?(?:[\w'’-]+ )?(?:wording|terms|terminology|names|numbers|figures|values|spelling|colou?rs"
        r"|definitions|prices|data) from\b",
    ),
    form(
        "must shall",
        r"(?<!there )(?<!i )\b(?:must|shall)\b(?!['’]ve\b| (?:have\b|feel\b"
        r"|be (?:a|an|some|something|the|because|wrong|why|due|nice|hard|so|really|very"
        r"|pretty|quite|such|tough|great|awesome|amazing|incredible|exciting|tiring|fun|\w+ing)\b"
        r"|say\b|admit\b"
        r"|include:))",
    ),
    form(
        "you",
        r"\byou (?:have to|need to|are (?:only )?(?:allowed|permitted|required|expected) to|may only|can only)\b[^.?!]{0,120}?" + STANDING,
    ),
    form(
        "mandatory compulsory obligatory must negotiable required sacred binding",
        r"\b(?:is|are) (?:mandatory|compulsory|obligatory|a must|non-negotiable|required (?:for|before|in|on|when)\b|sacred|binding)",
    ),
    form(
        "need needs require requires",
        r"\b(?:needs?|requires?) (?:\w+ )?(?:approval|sign-?off|permission|consent|review|confirmation|a second) (?:from|by|before|first"
        r"|\w+)",
    ),
    form(
        "sure ensure",
        r"\bmake sure (?:that )?(?:every|each|all|any|you (?:always|never|only)|no\b|nothing|nobody)\b|\bensure (?:that )?(?:every|each"
        r"|all|no\b)",
    ),
    form(
        "expect insist require need want like",
        r"\bi (?:expect|insist|require|need|want) (?:that |on )?(?:all|every|each|your|only|any|no|everything|nothing|the (?:answers?"
        r"|repl|outputs?))\b",
        r"\bi(?:'d| would)? like (?:all|every|each|your|only|no|everything|the (?:answers?|replies|outputs?))\b",
    ),
    form(
        "applies holds goes", r"\b(?:that|this|it) (?:rule |limit |policy )?(?:applies|holds|goes) (?:to|for) (?:all|every|any|both|the)\b"
    ),
    form(
        "prefer prefers rather insist insists dislike dislikes hates",
        r"\b(?:i|we|he|she|they|user|users?|client|customer|boss|manager|team|editor|reader)\b(?:['’]d)?(?: \w+){0,2}? "
        r"(?:prefers?|rather|insists?|dislikes?|hates?)\s+(?!(?:that|it|not|so)[.!,]?$)\S+ \S+",
    ),
    form(
        "wants likes needs expects demands asked cares preference preferred",
        r"\b(?:the )?(?:user|client|customer|boss|manager|team|editor) (?:\w+ )?(?:wants|likes|needs|expects|demands|asked for"
        r"|cares about)\b",
        r"\b(?:my|our|user['’]?s?|client['’]s|customer['’]s) (?:\w+ )?prefer(?:ence|red)\b",
    ),
    form(
        "budget cap limit ceiling maximum minimum deadline quota allowance threshold",
        r"\b(?:budget|cap|limit|ceiling|maximum|minimum|deadline|quota|allowance|threshold)\b(?: (?:for|on|of) [\w' -]{1,40})?\s*"
        r"(?:(?:is|are|was|of|at|stays?|remains?|[:=])\s?(?:now |still |set (?:at|to) |fixed at |capped at )?(?:the )?)+[^.?!\n]{0,12}"
        + QUANTITY,
    ),
    form(
        "budget cap limit ceiling maximum minimum deadline quota allowance threshold",
        CLAUSE + r"(?:make|set|raise|lower|increase|cut|change|move|extend) (?:the |our |my )?(?:[\w'-]+ ){0,4}?"
        r"(?:budget|cap|limit|ceiling|maximum|minimum|deadline|quota|allowance|threshold)\b[^.?!\n]{0,30}?" + QUANTITY,
    ),
    form("capped limited due fixed", r"\b(?:is|are|be) (?:capped|limited|due|fixed) (?:at|to|by|on)\b[^.?!\n]{0,20}" + QUANTITY),
    form(
        "keep stay spend spending cost fit pay remain finish let below exceed pass go",
        r"\b(?:keep|stay|spend|spending|cost|fit|pay|remain|finish|let|below|exceed|pass|go)\b[^.?!\n]{0,60}\b(?:under|below|within"
        r"|no more than"
        r"|at most|up to|less than|over|above|beyond|past|exceed|pass)\s+(?:the )?" + QUANTITY,
    ),
)
"""What asks to be kept to in other ways: obligations, formats, manners, sources, conditions, preferences, numbers that bind."""
