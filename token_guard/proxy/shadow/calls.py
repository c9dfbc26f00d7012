"""What a comparison costs at most, and the calls that it is made of: through the proxy's router, to the deployment that answered."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final

import litellm

from token_guard.limits import Deployment
from token_guard.proxy.callers import router
from token_guard.proxy.own_calls import begin_own_call
from token_guard.shadow import Rates, names_of, rates_in

__all__ = ["METHODS", "Answered", "ask", "rates_of"]

METHODS: Final[Mapping[str, tuple[str, str]]] = {
    "openai.chat": ("acompletion", "metadata"),
    "anthropic.messages": ("aanthropic_messages", "litellm_metadata"),
    "openai.responses": ("aresponses", "litellm_metadata"),
}
"""The router's method for each format, and where it takes metadata of LiteLLM's own: in some formats the other place is the provider's."""

_TOLD: Final = {"tags": ["token_guard_shadow"], "spend_logs_metadata": {"token_guard": {"action": "shadow"}}}
"""What LiteLLM's logs say of these calls."""

_PROMPT_TOKENS: Final = ("prompt_tokens", "input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
_REPLY_TOKENS: Final = ("completion_tokens", "output_tokens")
"""Where usage stands, in any format; what stands twice is counted twice: it errs up."""

_NOT_CHARGED: Final = range(400, 500)
_TIMED_OUT: Final = 408
"""What a provider refuses it does not charge for; a call that was given up it may have answered."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of one call: its answer as plain values, or none; what it cost; and in one word what went wrong."""

    cost: float
    answer: Mapping[str, Any] | None = field(default=None, repr=False)
    wrong: str = ""


def rates_of(model: str, deployment: Deployment) -> Rates | None:
    """The prices of a deployment by LiteLLM's map, in which it has an entry of its own; None where nobody has said what it costs."""
    return rates_in(litellm.model_cost.get(name) for name in (deployment.id, *names_of(model, deployment.model_info)))


async def ask(api: str, deployment: Deployment, fields: Mapping[str, Any], rates: Rates, most: float, timeout: float) -> Answered:
    """Ask a deployment, once; `most` is what the call may cost. Nothing is raised but what ends the task.

    Nobody's key is charged and no response cache asked: the operator wants to know, and a kept reply would agree with itself.
    """
    begin_own_call()
    method, place = METHODS[api]
    call = getattr(router(), method)
    try:
        response = await call(
            **fields,
            model=deployment.id,
            stream=False,
            num_retries=0,
            disable_fallbacks=True,
            timeout=timeout,
            cache={"no-cache": True, "no-store": True},
            turn_off_message_logging=True,
            **{place: deepcopy(_TOLD)},
        )
    except Exception as error:
        status = getattr(error, "status_code", None)
        charged = status == _TIMED_OUT or status not in _NOT_CHARGED
        return Answered(most if charged else 0.0, wrong="timeout" if status == _TIMED_OUT else "failed")
    answer = response if isinstance(response, Mapping) else response.model_dump(exclude_none=True)
    return Answered(_charged(response, answer, rates, most), answer)


def _charged(response: Any, answer: Mapping[str, Any], rates: Rates, most: float) -> float:
    """What an answer cost, as LiteLLM has worked it out; else by its tokens; else as much as it may have. What is said to cost nothing
    is not believed of a model that has a price."""
    money = (getattr(response, "_hidden_params", None) or {}).get("response_cost")
    if isinstance(money, int | float) and (money > 0 or not rates.prompt):
        return float(money)
    usage = answer.get("usage")
    if not isinstance(usage, Mapping):
        return most
    prompt, reply = (sum(_number(usage, name) for name in names) for names in (_PROMPT_TOKENS, _REPLY_TOKENS))
    return rates.cost(prompt, reply) if prompt else most


def _number(usage: Mapping[str, Any], name: str) -> int:
    value = usage.get(name)
    return value if isinstance(value, int) else 0
