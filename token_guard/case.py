"""One readable request with all that is decided about it before its messages are looked at."""

from __future__ import annotations

from dataclasses import dataclass

from token_guard.budget import ContextLimit, prompt_budget
from token_guard.conversation import Conversation
from token_guard.counting import Calibration, Calibrations, Meter, meter_for
from token_guard.limits import Deployment, LimitChain
from token_guard.report import Correction

__all__ = ["Case", "calibrated_as", "capped_case", "counted_as", "open_case"]

STEPS_OF_A_WINDOW = 32
"""The budget enters the replay rounded down to steps of a 32nd of the window, and what is not messages rounded up to an
eighth of such a step, so that a client's varying max_tokens or tools do not reshuffle its history."""


NEAR = 0.9
"""A learned budget that is at least this share of the planned one changes no history: views seldom use the last tenth, and
where one does, it is compacted once more."""

COARSE = 8
"""Any smaller learned budget is rounded down to an eighth of the window, so that what is learned on the way, or by one replica
and not yet by another, changes the budget once and not with every answer."""


@dataclass(frozen=True, slots=True)
class Case:
    """What the main path goes by; sizes in tokens, as the meter counts.

    `planned` is what the prompt may have by all that is the same for every replica, `allowed` by what was learned, too.
    """

    conversation: Conversation
    meter: Meter
    limit: ContextLimit
    planned: int
    allowed: int
    reserved: int
    margin: int
    overhead: int
    calibration: Calibration
    base_model: str = ""
    """The model behind an alias, where the deployment names it."""

    @property
    def room(self) -> int:
        """What the replay may use for the messages, in steps."""
        if self.allowed >= NEAR * self.planned:
            return self._for_messages(self.planned, STEPS_OF_A_WINDOW)
        return self._for_messages(self.allowed, COARSE)

    @property
    def tight_room(self) -> int:
        """The same where the learned budget must hold to the token."""
        return self._for_messages(min(self.allowed, self.planned), STEPS_OF_A_WINDOW)

    def _for_messages(self, tokens: int, steps: int) -> int:
        step = max(1, self.limit.max_input_tokens // steps)
        part = max(1, self.limit.max_input_tokens // STEPS_OF_A_WINDOW // 8)
        return max(0, (tokens // step * step or tokens) - -(-self.overhead // part) * part)

    @property
    def correction(self) -> Correction | None:
        """What the deployment's own counts taught, for the report."""
        known = self.calibration
        if not known.samples:
            return None
        return Correction(round(known.slope, 4), round(known.offset, 1), round(known.spread, 4), len(known.samples))

    def real_tokens(self, estimate: int) -> int:
        """What the provider will count for an estimate, once its own counts are trusted."""
        return self.calibration.correct(estimate) if self.calibration.trusted else estimate


def capped_case(conversation: Conversation, max_input_tokens: int) -> Case:
    """A case with a hard cap on the prompt, nothing subtracted."""
    meter = meter_for(conversation.model)
    limit = ContextLimit(max_input_tokens, None, "argument", separate_output=True)
    return Case(conversation, meter, limit, max_input_tokens, max_input_tokens, 0, 0, meter.overhead(conversation), Calibration())


def open_case(
    conversation: Conversation, deployment: Deployment | None, limits: LimitChain, calibrations: Calibrations, reserve_output: int
) -> Case:
    """A case whose budget is the model's window, less the reply, less a margin that follows the observed error of the counts."""
    meter = meter_for(counted_as(conversation.model, deployment))
    limit = limits.resolve(conversation.model, deployment)
    window = limit.max_input_tokens
    calibration = calibrations.get(calibrated_as(conversation.model, deployment))
    margin = meter.margin(window)
    planned, reserved = prompt_budget(limit, conversation.max_output_tokens, reserve_output, margin)
    allowed = planned
    if calibration.trusted:
        margin = calibration.margin(window, untrained=margin)
        allowed = calibration.estimate_for(prompt_budget(limit, conversation.max_output_tokens, reserve_output, margin)[0])
    overhead, base = meter.overhead(conversation), counted_as(conversation.model, deployment)
    return Case(conversation, meter, limit, planned, allowed, reserved, margin, overhead, calibration, base)


def counted_as(model: str, deployment: Deployment | None) -> str:
    """The model whose tokenizer counts: behind an alias such as an Azure deployment, the base model."""
    base = deployment.model_info.get("base_model") if deployment else None
    return base if isinstance(base, str) and base else model


def calibrated_as(model: str, deployment: Deployment | None) -> str:
    """What a calibration is kept under: the deployment that answers, or the model's name without one."""
    return deployment.id if deployment and deployment.id else model
