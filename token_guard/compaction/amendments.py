"""What the user says later of something that a rule speaks of: that it is allowed again, no longer needed, or to be otherwise.

Whether a rule still holds is not guessed: where such words name what it is about, they are told beside it, and who reads both knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from token_guard.compaction.remembered import remembered
from token_guard.compaction.rule_subjects import names_of, same_manner, words_in
from token_guard.compaction.rules import asks_to_be_kept, forbids, statements

__all__ = ["amendments", "belonging", "is_amendment", "merged"]

LONGEST = 300
"""Characters of a sentence: nobody takes a rule back in more."""

STEM = 5
"""Words that begin with so many letters in common are one word in two forms."""

_ALLOWS: Final = re.compile(
    r"\byou (?:may|can|are (?:now |again )?(?:allowed|free|permitted) to|need not|needn['’]t|(?:no longer|don['’]t) (?:need"
    r"|have)(?: to)?)\b"
    r"|\b(?:is|are|it['’]s|that['’]s|be) (?:\w+ )?(?:fine|ok|okay|allowed|permitted|unlocked|unnecessary|not needed|not necessary)\b"
    r"|^(?:\w+,? )?(?:forget|ignore|drop|lift|scrap|scratch|cancel|disregard|skip|undo|revoke|withdraw|allow|permit|relax|loosen|stop"
    r"|feel free)\b"
    r"|\b(?:no longer|any ?more|any longer|after all|instead|except\w*|obsolete|outdated|void|lifted|moot|rather|unless)\b"
    r"|^(?:actually|(?:go |switch )?back to)\b"
    r"|\b(?:darfst|kannst|dürft|könnt|brauchst|hinfällig|aufgehoben|vergiss|vergesst|doch (?:lieber|nicht|wieder)|stattdessen|ausnahm\w+"
    r"|egal|nicht mehr|wieder (?:gut|okay?|in ordnung|erlaubt|möglich)|überflüssig|nicht nötig)\b"
    r"|\b(?:tu peux|vous pouvez|finalement|oublie\w*|plus besoin|n['’]est plus|ne sont plus|sauf|plutôt|autorisée?s?|permis)\b"
    r"|\b(?:puedes?|pueden|olvida\w*|ya no|excepto|salvo|mejor|permitid[oa]s?|no hace falta)\b"
    r"|\b(?:podes?|pode[ms]?|esquece\w*|já não|não precisa\w*|puoi|potete|dimentica\w*|non serve più|non è più|tranne|invece)\b"
    r"|\b(?:je mag|mag je|mogen|vergeet|niet meer|możesz|zapomnij|już nie|du får|glöm|artık)\b"
    r"|можно|можешь|можете|забудь\w*|отмен\w+|больше не|кроме|разреш\w+|лучше|не надо|не нужно"
    r"|可以|不用|不必|无需|無需|取消|作废|作廢|忘了|恢复|恢復|不再|除了|允许|允許|放宽|放寬|改为|改成"
    r"|ても(?:いい|良い|よい|大丈夫|構|かま)|不要になり|必要(?:は)?(?:ない|ありません|なくな)|取り消|撤回|以外|例外|忘れて"
    r"|도 (?:돼|됩|괜찮|좋)|필요 ?없|취소|예외|يمكنك|مسموح|सकते",
    re.IGNORECASE,
)
"""What allows, takes back or changes something."""

_WAIVES: Final = re.compile(
    r"\b(?:need not|needn['’]t|(?:do not|don['’]t|no longer) (?:need|have) to|brauchst|nicht nötig|pas besoin|no hace falta|non serve"
    r"|não precisa\w*|hoeft niet)\b|не нужно|не надо|不用|不必|无需|必要は?(?:ない|ありません)|필요 ?없",
    re.IGNORECASE,
)
"""What says that something need not be done: of what is done, it is enough to name that."""

_ALL_RULES: Final = frozenset(
    ("rule", "rules", "restriction", "restrictions", "constraint", "regel", "regeln", "règle", "regla", "regola", "regra", "правило")
)
"""What names whatever rules there are."""

_VERBS: Final = frozenset(
    re.findall(
        r"\S+",
        """edit touch change modify add push run delete remove write read send commit merge deploy install update rename move create open
        ask tell check start stop go do make use take keep allow allowed work try need again forget ignore fine okay anymore back free
        cannot
        ändern anfassen löschen schreiben darfst kannst wieder jetzt mehr modifier toucher peux puedes tocar modificar cambiar otra vez
        менять трогать можно теперь снова файл file files folder datei fichier archivo the dem die das""",
    )
)
"""Words that many sentences have: alone they do not say that two are about one thing."""


@remembered
def amendments(text: str) -> tuple[str, ...]:
    """The sentences of a user's words that are no rules, and that may allow, take back or change what a rule asks for.

    >>> amendments("You may edit settings.toml again. Why was it off limits? Then run the tests.")
    ('You may edit settings.toml again.',)
    """
    return tuple(said for said in statements(text) if len(said) <= LONGEST and (_ALLOWS.search(said) or names_of(said)))


def is_amendment(sentence: str) -> bool:
    """Whether a sentence stands among rules only because it allows, takes back or changes one."""
    return not asks_to_be_kept(sentence) and amendments(sentence) == (sentence,)


def belonging(later: Mapping[str, int], rules: Mapping[str, int]) -> dict[str, int]:
    """Those of the later sentences that speak of what a rule of an earlier message is about; all with their places in the history."""
    return {said: at for said, at in later.items() if any(place < at and _is_of(said, rule) for rule, place in rules.items())}


def merged(told: Iterable[str]) -> tuple[str, ...]:
    """The rules that a note told, in their order, each together with what follows it that amends it.

    >>> merged(["Never touch a.py.", "Use tabs.", "You may touch a.py again."])
    ('Never touch a.py. You may touch a.py again.', 'Use tabs.')
    """
    rules: list[str] = []
    for one in told:
        of = next((place for place in range(len(rules) - 1, -1, -1) if _is_of(one, rules[place])), None) if is_amendment(one) else None
        if of is None:
            rules.append(one)
        else:
            rules[of] = f"{rules[of]} {one}"
    return tuple(rules)


@lru_cache(maxsize=16_384)
def _is_of(said: str, rule: str) -> bool:
    if not asks_to_be_kept(rule):
        return False
    if names_of(said) & names_of(rule) and (forbids(rule) or _ALLOWS.search(said)):
        return True
    if not _ALLOWS.search(said):
        return False
    mine, its = words_in(said), words_in(rule)
    if mine & _ALL_RULES or same_manner(said, rule):
        return True
    shared = {word for word in mine if _has(its, word)}
    if shared - _VERBS or (shared and _WAIVES.search(said)):
        return True
    return bool(shared) and mine <= shared | _VERBS and not names_of(said)


def _has(words: Iterable[str], word: str) -> bool:
    """Whether a word, or one that begins as it does, is among others."""
    return word in words or (len(word) >= STEM and any(other[:STEM] == word[:STEM] for other in words))
