"""How much each name of a conversation matters: how rare it is, and how often calls used it."""

from __future__ import annotations

import math
from collections import Counter as Tally
from collections.abc import Mapping, Sequence

from token_guard.compaction import facts
from token_guard.conversation import Message

__all__ = ["weights_of"]

MENTIONED, MOST_USED = 0.5, 3
"""What a name weighs that no call used, and how many uses count: what is worked on is used again, what was only printed is not."""

OLDEST = 1.0


def weights_of(messages: Sequence[Message]) -> Mapping[str, float]:
    """The weight of every name in messages as the client sent them."""
    spread = Tally(name for message in messages for name in facts.names_of(message))
    used = Tally(name for message in messages for name in {name for call in message.calls for name in facts.names(call.arguments)})
    last = {name: place for place, message in enumerate(messages) for name in facts.names_of(message)}
    age = {name: OLDEST + (1 - OLDEST) * (place + 1) / len(messages) for name, place in last.items()}
    return {
        name: age[name] * (MENTIONED + min(MOST_USED, used[name])) * math.log(1 + len(messages) / times) / 4
        for name, times in spread.items()
    }
