"""The forms of rules and facts, by language: tables of words, one pattern each."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["BINDS", "DEPENDS", "FACT", "LABEL", "LIMIT", "NEWER", "PROHIBITS", "REQUEST", "TELLING"]


def _words(*forms: str) -> str:
    return rf"\b(?:{'|'.join(forms)})\b"


_ENGLISH: Final = (
    _words("must", "never", "always", "shall", "forbidden", "prohibited", "mandatory", "not allowed", "off[- ]limits", "no longer"),
    _words("from now on", "going forward", "henceforth", "at all times", "in all cases", "under no circumstances", "no exceptions?"),
    _words(
        "do not",
        "don't",
        "does not",
        "cannot be",
        "should(?:n't| not)?",
        "has to",
        "have to",
        "needs? to (?:be|stay|remain)",
        "may not",
        "only if",
    ),
    _words(
        "make sure",
        "ensure",
        "avoid",
        "refrain",
        "require[sd]?",
        "prefer(?:s|red)?",
        "preference",
        "insists?",
        "wants",
        "unless",
        "without (?:asking|approval|permission)",
    ),
    _words(
        "instead of",
        "rather than",
        "keep in mind",
        "remember (?:that|to)",
        "stick (?:to|with)",
        "by default",
        "at (?:most|least)",
        "no (?:more|fewer|less) than",
    ),
    r"^(?:please )?(?:keep|use|answer|reply|respond|write|speak|format|cite|quote"
    r"|label|prefix|sign|round|report|return|state|mention|include|name|number"
    r"|leave|treat|stay|be|give|show|say|put|start|begin|end|call|address|base|limit|express|mark)\b[^?]{0,200}?"
    r"\b(?:only|every|each|all|any|both|always|whenever|no|not|in (?:[A-Z]\w+|plain|bullet|metric"
    r"|lower|upper|json|yaml|markdown|one|two|three|full)|as (?:a|an|json|markdown|bullet)"
    r"|under \d|within \d|up to \d|\d+ (?:words?|lines?|sentences?|bullets?|characters?)|short"
    r"|brief|concise|terse|formal|polite|neutral|friendly|alone|untouched|unchanged)\b",
    r"^(?:no|only|just|all|every|each)\s+[^?]{3,}",
    r"\b(?:json|yaml|csv|markdown|xml) only\b",
)
_OTHERS: Final = (
    _words(
        "immer",
        "nie(?:mals)?",
        "muss",
        "müssen",
        "darf",
        "dürfen",
        "nur",
        "kein(?:e[nmrs]?)?",
        "ab (?:jetzt|sofort)",
        "auf keinen fall",
        "unbedingt",
        "bitte nicht",
    ),
    _words(
        "toujours",
        "jamais",
        "doit",
        "doivent",
        "uniquement",
        "seulement",
        "désormais",
        "ne [^.]{1,40} (?:pas|plus|jamais)",
        "interdit",
        "obligatoire",
        "à partir de maintenant",
    ),
    _words(
        "siempre",
        "nunca",
        "jamás",
        "debes?",
        "deben",
        "solo",
        "sólo",
        "solamente",
        "prohibido",
        "obligatorio",
        "a partir de ahora",
        "evita",
        "no (?:uses|toques|cambies|envíes|borres|hagas)",
    ),
    _words(
        "sempre",
        "mai",
        "devi",
        "deve",
        "devono",
        "soltanto",
        "vietato",
        "d'ora in poi",
        "nunca",
        "somente",
        "apenas",
        "proibido",
        "não",
        "a partir de agora",
    ),
    _words(
        "altijd",
        "nooit",
        "moet",
        "alleen",
        "geen",
        "vanaf nu",
        "alltid",
        "aldrig",
        "måste",
        "endast",
        "zawsze",
        "nigdy",
        "musi",
        "tylko",
        "her zaman",
        "asla",
        "sadece",
    ),
    _words(
        "всегда",
        "никогда",
        "нельзя",
        "должен",
        "должна",
        "должны",
        "только",
        "запрещено",
        "обязательно",
        "отныне",
        "не (?:трогай|меняй|используй|отправляй|удаляй|пиши)",
    ),
    r"必须|必須|始终|始終|总是|永远|绝不|絕不|切勿|不要|不得|不能|不可|只能|仅限|禁止|务必|務必|请勿|從現在|从现在|今后|以后都|一律|只用|都要|应当|应该",
    r"必ず|決して|常に|ないで|しないこと|いけません|べき|のみ|だけ|禁止|今後|てください",
    r"반드시|절대|항상|하지\s?마|만\s|금지|해야|지금부터|앞으로|말아\s?(?:줘|주세요)",
    r"دائم|أبد|يجب|ممنوع|فقط|हमेशा|कभी|केवल|ज़रूर",
)

BINDS: Final = re.compile("|".join((*_ENGLISH, *_OTHERS)), re.IGNORECASE)
"""What asks to be kept to: obligations, prohibitions, formats, preferences."""

LIMIT: Final = re.compile(
    r"\b(?:cap(?:ped)?|limit(?:ed)?|max(?:imum)?|min(?:imum)?|budget|deadline|due"
    r"|at most|no more than|up to|within|under|below|not exceed)\b[^.?!\n]{0,60}\d",
    re.IGNORECASE,
)
"""A number that binds."""

FACT: Final = re.compile(
    r"^(?:(?i:fyi|note|btw|also|and|so|ok|okay|sure|yes|hi|well)[,:.!]?\s+)*"
    r"(?:(?i:my|our|the|his|her|their|its|this|that|these|all|it|he|she|we|they|i)\b|[A-ZÀ-ÖØ-Þ\u0370-\uffff])"
    r"[^?\n]{0,160}?(?:\b(?:is|are|was|were|lives?|runs?|uses?|owns?|expires?|starts?|ends?|equals?|means?|called|named"
    r"|ist|sind|heißt|lautet|est|sont|es|son|è|sono|é|são|zijn|är|jest|это)\b|'s\b|[:=] |是|为|は|です|입니다)"
)
"""What states something about something."""

TELLING: Final = re.compile(
    r"\d|[A-Za-z]_[A-Za-z]|[a-z][A-Z]|https?:|\w/\w|\w@\w|[$€£¥]|\b[A-Z]{3,}\b|[`\"“«「]|\b[A-Z][a-z]+ [A-Z][a-z]+\b|[^\W\d]\.[a-z]{2,4}\b"
)
"""What a fact that later work has to go by holds: a number, a name, an address, something quoted."""

REQUEST: Final = re.compile(
    r"^(?:please|can|could|would|will you|let'?s|now|next|then|i(?:'d| would) like"
    r"|i (?:want|need) (?:you )?to|help|find|fix|add|make|change|look|check|run"
    r"|read|tell|show|explain|create|implement|update|remove|write|try|see|book|cancel|go)\b",
    re.IGNORECASE,
)
"""What asks for work, not for a rule."""

LABEL: Final = re.compile(
    r"(?:[A-Z][A-Z _/-]{2,40}|(?i:rule|constraint|requirement|preference|policy|note|important"
    r"|fact|reminder|convention|update|correction))\s*(?:\([^)\n]{0,40}\))?\s*[:：]\s*\S"
)
"""A line that says of itself what it is."""

DEPENDS: Final = re.compile(
    r"\b(?:it|its|them|they|this|that|these|those|such|the same|either|both|otherwise"
    r"|exceed|there|then)\b|^(?:never|and|but|or|also|except|unless|only)\b"
    r"|\b(?:diese[rsmn]?|davon|sie|ihn|cela|ceci|eso|esto|ello|questo|isso)\b|这|那|它|これ|それ|그것|이것",
    re.IGNORECASE,
)
"""Words that lean on the sentence before."""

NEWER: Final = re.compile(
    r"\b(?:now|instead|no longer|changed?|update[ds]?|correction|revised?|moved"
    r"|new|raised|lowered|extended|from now on|actually|replaces?|supersedes?"
    r"|jetzt|stattdessen|désormais|ahora|adesso|agora|теперь)\b|现在|改为|改成|更新|今後|変更|이제|변경",
    re.IGNORECASE,
)
"""Words of a rule that takes the place of another."""

PROHIBITS: Final = re.compile(
    r"\b(?:never|must not|mustn't|do not|don't|may not|forbidden|prohibited"
    r"|stop|refuse|nie(?:mals)?|jamais|nunca|jamás|mai|nooit|aldrig|nigdy"
    r"|никогда|нельзя|запрещено)\b|绝不|不要|不得|禁止|切勿|请勿|決して|ないで|절대|금지",
    re.IGNORECASE,
)
"""What forbids: it is kept before all else."""
