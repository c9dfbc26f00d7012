"""Learning from answers: what a deployment counted for a prompt, compared with the estimate."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import litellm

from token_guard.errors import where
from token_guard.guard import Guard
from token_guard.proxy.threads import POOL, is_short
from token_guard.proxy.usage import Sent, Usage, usage_of
from token_guard.report import Correction

__all__ = ["Learning"]

INLINE = 2_048
"""Up to this cost (see `threads.is_short`) an answer is learned from on the event loop: a fifth of a millisecond."""

MOST_READY = 4_096

logger = logging.getLogger("token_guard")


@dataclass(frozen=True, slots=True)
class Learning:
    """Called with a success event of LiteLLM's; `sent` holds what was forwarded in formats that such events do not tell, `learned` is
    told of each model's correction."""

    guard: Guard
    sent: Sent
    learned: Callable[[str, Correction], object]
    ready: set[str] = field(default_factory=set)
    """Deployments that this process has learned of: what counts for them is loaded, and a short request takes less than the way to a
    thread and back."""

    async def __call__(self, event: Mapping[str, Any]) -> None:
        """Learn what there is to learn, off the event loop; nothing is raised: the request is answered."""
        try:
            wants = self.guard.calibrations.wants_sample
            usage = usage_of(event, wants) or self.sent.usage_of(event, wants)
            if usage is None:
                return
            if usage.deployment.id in self.ready and is_short([usage.request, *usage.guessed], INLINE):
                self._learn(usage)
            else:
                await POOL(usage.deployment.id, partial(self._learn, usage))
        except Exception as error:
            logger.info("token_guard learned nothing from a response (%s)", where(error))

    def _learn(self, usage: Usage) -> None:
        request = usage.request
        counts = (_count(request["model"], messages) for messages in usage.guessed if _are_messages(messages))
        counted = next((count for count in counts if count == usage.prompt_tokens), None)
        correction = self.guard.learn(
            request, usage.prompt_tokens, api=usage.api, deployment=usage.deployment, estimate=usage.estimate, litellm_count=counted
        )
        if correction:
            self.learned(request["model"], correction)
        if usage.deployment.id and len(self.ready) < MOST_READY:
            self.ready.add(usage.deployment.id)


def _are_messages(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(message, dict) and "role" in message for message in value)


def _count(model: str, messages: Any) -> int:
    """What litellm counts, without the pictures that it would fetch from wherever a client says that they are."""
    return litellm.token_counter(model=model, messages=messages, use_default_image_token_count=True)
