"""How much each name of a conversation matters: how rare it is, and how often it was used."""

from __future__ import annotations

import math
from collections import Counter as Tally
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from token_guard.compaction import facts
from token_guard.conversation import Message

__all__ = ["weights_of"]

MENTIONED, MOST_USED = 0.5, 3
"""What a name weighs that was only printed, and how many uses count: what is worked on is used again, and so is what was chosen."""


def weights_of(messages: Sequence[Message]) -> Mapping[str, float]:
    """The weight of every name in messages as the client sent them."""
    spread = Tally(chain.from_iterable(map(facts.names_of, messages)))
    used = Tally(chain.from_iterable(map(_called, messages))) + Tally(dict.fromkeys(_picked(messages), MOST_USED))
    rarity = {times: math.log(1 + len(messages) / times) / 4 for times in frozenset(spread.values())}
    weights = {name: MENTIONED * rarity[times] for name, times in spread.items()}
    weights.update((name, (MENTIONED + min(MOST_USED, times)) * rarity[spread[name]]) for name, times in used.items())
    return weights


def _called(message: Message) -> Iterable[str]:
    """The different names in the calls of a message."""
    return dict.fromkeys(name for call in message.calls for name in facts.names(call.arguments))


def _picked(messages: Iterable[Message]) -> frozenset[str]:
    """Names that a tool brought up and that were spoken of afterwards: of many rows, the ones that were chosen."""
    brought, picked = set[str](), set[str]()
    for message in messages:
        if not message.results:
            picked.update(brought.intersection(facts.names(message.said)))
        for result in message.results:
            brought.update(facts.names(result.text))
    return frozenset(picked)
