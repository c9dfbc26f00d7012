"""The forms of what states something, of what says of itself what it is, and of what leans on the sentence before it."""

from __future__ import annotations

import re
from typing import Final

from token_guard.compaction.rule_words import CLAUSE, DOING, SAYING

__all__ = ["CHANGES", "DEPENDS", "EXCEPTS", "HABITS", "KINDNESS", "LABEL", "LEANS_BACK", "MOMENTARY", "STATES", "TELLING"]

TELLING: Final = re.compile(
    r"\d|[A-Za-z]_[A-Za-z]|[a-z][A-Z]|https?:|\w/\w|\w@\w|[$€£¥]|\b[A-Z]{3,}\b|[`“«「]|\b[A-Z][a-z]+ [A-Z][a-z]+\b|[^\W\d]\.[a-z]{2,4}\b"
)
"""What a fact that later work has to go by holds: a number, a name, an address, something quoted."""

STATES: Final = re.compile(
    r"^(?:(?i:fyi|note|btw|also|and|so|ok|okay|sure|yes|hi|well|thanks|for reference|for the record|by the way)[,:.!]?\s+)*"
    r"(?:(?i:the|our|my|this|his|her|their|its|production|staging)\s(?:[\w'’/-]+ ){0,7}|[A-Z][\w'’-]+ (?:[\w'’/-]+ ){0,4})"
    r"(?:is|are|runs? (?:on|in|at)|lives? (?:at|in|on|under)|is called|are called|expires?|belongs? to|equals|owns?|goes live|is hosted"
    r"|sits (?:at|in|on)"
    r"|must(?!['’]ve| have)|ends? (?:on|at|in)|starts? (?:on|at)|lands? on)\b"
    r"(?! (?:not|being|still being|no longer|also|a bit|very|too|really)\b)"
    r"(?=[^?\n]{0,60}?(?:\d|[A-Za-z]_[A-Za-z]|https?:|\w/\w|\w@\w|[$€£¥]|[A-Z]{3,}|[`“«「]| [A-Z][a-z]+ [A-Z][a-z]+))"
)
"""What states something of something that has a name or a number."""

HABITS: Final = re.compile(
    r"^we (?:only |still |also )?(?:support|target|use|require|pin|deploy to|run (?:on|in)|ship (?:on|to)|are on)\b"
    r"(?=[^?\n]{0,60}?(?-i:\d|[A-Za-z]_[A-Za-z]|[a-z][A-Z]|https?:|\w/\w|[A-Z]{3,}|[`“«「]))",
    re.IGNORECASE,
)
"""What a team says of what it works with, by name or number."""

BEING: Final = (
    "is|are|has|have|owns?|uses?|runs?|lives?|goes|gets?|stands?|sits?|points?|belongs?|needs?|requires?|takes?|holds?|leads?|called"
)

CHANGES: Final = re.compile(
    r"^(?!(?i:now|i|i['’]ve|i['’]m|can|could|let['’]?s|please)\b)[^?\n]{0,100}?"
    r"(?:\b(?:(?:" + BEING + r") now\b|now (?=(?:" + BEING + r"|at|in|on|under|the)\b)"
    r"|has (?:been )?(?:changed|moved|renamed|switched)|have (?:changed|moved|switched)|changed to|moved to"
    r"|switched [^.?!\n]{0,40}to|renamed to"
    r"|rebased onto|rotated|rotation|belongs to|supersedes?|replaces?|from now on|as of)\b)",
    re.IGNORECASE,
)
"""What says that something is other than it was."""

MOMENTARY: Final = re.compile(
    r"^[^,]{0,120}?\b(?:currently|at the moment|right now|looks? like|is gone|still (?:shows?|says?|not|on|in|connected)"
    r"|(?:now )?(?:shows?|showing|displays?|displaying|has been saying|says|reads)\b)",
    re.IGNORECASE,
)
"""What tells what somebody sees at this moment, which soon is no longer so."""

_WELL = (
    r"(?:safe|strong|positive|motivated|healthy|blessed|awesome|hopeful|in touch|tuned|true to (?:yourself|you))\b"
    r"(?! (?:in|with|when|while)\b)"
)
_ON = (
    r"(?:it up|at it|going|pushing|believing|dreaming|smiling|shining|rocking|learning|growing|fighting|striving"
    r"|staying (?:motivated|positive|strong)|chasing|spreading|inspiring|exploring|being (?:you|yourself|positive|kind|awesome|amazing)"
    r"|doing what|taking (?:it )?one step|making a difference|up the (?:good|great)"
    r"|(?:me|us|you) (?:posted|updated|in the loop)|(?:those|your) (?:fingers|head|chin|spirits)"
    r"|that \w+ (?:going|up))\b"
)

KINDNESS: Final = re.compile(
    CLAUSE + r"(?:(?:no (?:worries|problem|prob|pressure|stress|biggie|rush)|anytime|any time(?=[,.!]))\b"
    r"|(?:stay|keep|be|remain) " + _WELL + r"|keep " + _ON + r"|(?:never|do not|don['’]t) (?:say never|lose hope|stop (?:dreaming|believing"
    r"|smiling|being)|be (?:daunted|discouraged|sad|too hard)|let \w+ (?:\w+ )?(?:get|bring) you)\b"
    r"|take (?:care|it easy|one step)\b(?! (?:of|to|that|not|never|when|with)\b)"
    r"|(?:chase your|follow your (?:dreams?|heart|gut)|(?:trust|believe in) (?:yourself|your (?:gut|heart|instincts?)))\b)"
    r"|^always (?:rooting|cheering|running|having|looking|bringing|up for|here|there|good|nice|happy|great|fun|glad|a (?:pleasure|joy))\b"
    r"|^if you ever\b[^?]{0,100}\b(?:let me know|happy to|help|here)\b|\b(?:always )?good to (?:chat|talk)\b",
    re.IGNORECASE,
)
"""What people say to one another out of kindness, in the forms of orders: a clause that asks for nothing, whatever stands beside it."""

LABEL: Final = re.compile(
    r"(?!(?:ERROR|WARN|WARNING|INFO|DEBUG|TRACE|FATAL|CRITICAL|FAILED|FAIL|PASS|PASSED|OK|TODO|FIXME|XXX|HTTP|HTTPS|URL|NB|PS|STEP|Q|A"
    r"|USER(?! (?:PREFERENCE|RULE|CONSTRAINT|REQUIREMENT|CHOICE|SETTING)S?\b)|SYSTEM|ASSISTANT|HUMAN|AI)\b)"
    r"(?:[A-Z][A-Z _/-]{2,40}|(?i:(?:standing |hard |house |important |style |safety |ground )?(?:rules?|constraints?|requirements?"
    r"|preferences?|polic(?:y|ies)"
    r"|guidelines?|reminder|conventions?|update|correction|decision|important|remember|note|fact|limits?|budget|deadline|tone|style"
    r"|language"
    r"|units?|timezone|format|audience|regel|wichtig|hinweis|vorgabe|règle|consigne|rappel|regla|nota|importante|regola|regra|правило"
    r"|важно)))"
    r"\s*(?:\([^)\n]{0,40}\)|#?\d{1,2})?\s*[:：]\s*(?=\S+ \S)"
)
"""A line that says of itself what it is."""

DEPENDS: Final = re.compile(
    r"\b(?:it|its|them|they|these|those|such|the same|either|both|otherwise|exceed)\b|^(?:that|this|and|but|or|except|unless"
    r"|otherwise)\b|\b(?:that|this)[.!,]"
    r"|\b(?:davon|sie|ihn|cela|ceci|eso|esto|ello|questo|isso)\b|这个|那个|它|これ|それ|그것|이것",
    re.IGNORECASE,
)
"""Words that lean on the sentence before."""

LEANS_BACK: Final = re.compile(
    r"^(?:please )?(?:" + SAYING + "|" + DOING + r"|keep|fix|apply|follow)\b[^?]{0,60}\b(?:it|them|that|this|those|these)\b", re.IGNORECASE
)
"""What says how to go by the rule or the fact before it."""

EXCEPTS: Final = re.compile(
    r"(?:(?:but |and |aber |und |mais |et |pero |y |ma |e |но )?"
    r"(?:(?:the|my|our|with) (?:(?:one|only|sole|single) )*exceptions?\b|exceptions?(?:\s?:| (?:is|are)\b)|the exception\b"
    r"|except\b|unless\b"
    r"|otherwise\b|only if\b|after that\b|before that\b|until then\b|from then on\b|in (?:that|this) case\b|if not\b"
    r"|(?:die )?einzige ausnahme|ausnahmen?\b|ausgenommen|außer\b|sonst\b|andernfalls|danach\b|bis dahin|es sei denn"
    r"|(?:la |une )?seule exception|exception\b|sauf\b|sinon\b|après (?:cela|ça)|à moins"
    r"|(?:la )?única excepción|excepción|excepto|salvo\b|si no,|de lo contrario|después de eso|a menos"
    r"|(?:l['’]unica )?eccezion[ei]|tranne|altrimenti|(?:a )?única exceção|exceto|senão|caso contrário"
    r"|(?:de )?enige uitzondering|behalve|tenzij|anders\b|единственное исключение|исключение|кроме|иначе|после этого|jedyny wyjątek)"
    r"|(?:但是?)?(?:唯一的?)?例外|除了|除非|否则|否則|之后就|ただし|それ以外|そうでなければ|단,|예외|그렇지 않으면)",
    re.IGNORECASE,
)
"""What makes an exception or a condition to the sentence before it."""
