"""One readable request with all that is decided about it before its messages are looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import wraps

from token_guard.budget import ContextLimit, Scale, reply_reserve, wanted_reply
from token_guard.conversation import Conversation
from token_guard.counting import Calibration, Calibrations, Meter, meter_for
from token_guard.formats.replies import least_reply
from token_guard.limits import Deployment, LimitChain, cuts_in_silence, filled_in_reply
from token_guard.report import Correction
from token_guard.settings import Settings

__all__ = ["Case", "calibrated_as", "capped_case", "correction_of", "counted_as", "open_case", "scale_of"]

STEPS_OF_A_WINDOW = 32
"""The budget enters the replay rounded down to steps of a 32nd of the window, and what is not messages rounded up to an
eighth of such a step, so that a client's varying max_tokens or tools do not reshuffle its history."""


NEAR = 0.9
"""A learned budget that is within this share of the planned one, either way, changes no history: views seldom use the last tenth,
and where one does, it is compacted once more."""

COARSE = 8
"""Any other learned budget is rounded down to an eighth of the window, so that what is learned on the way, or by one replica
and not yet by another, changes the budget once and not with every answer."""

PROBE = 1_000_000
"""Tokens at which a margin is read as a share."""

INFERRED = 2
"""A window that was inferred from a model's name is doubted up to so many times its size: the name may hide a longer variant."""


def _once(size: Callable[[Case], int]) -> Callable[[Case], int]:
    """The size, worked out once for a case: one request asks for some of them ten times."""
    name = size.__name__

    @wraps(size)
    def found(case: Case) -> int:
        known = case._known
        if name not in known:
            known[name] = size(case)
        return known[name]

    return found


@dataclass(frozen=True, slots=True)
class Case:
    """What the main path goes by; sizes in tokens, as the meter counts.

    `plan` leads from them to the provider's by all that is the same for every replica, `scale` by what was learned, too.
    """

    conversation: Conversation
    meter: Meter
    limit: ContextLimit
    plan: Scale
    scale: Scale
    overhead: int
    calibration: Calibration = field(default_factory=Calibration)
    wanted: int = 0
    """The reply that room is kept for; 0 where nothing is subtracted for one."""
    least: int = 0
    """What of the reply is kept in any case."""
    fixed: int = 0
    """What no compaction can make smaller: instructions, tools, formats."""
    cap: int | None = None
    """A limit on the prompt beside the budget: what is known to be refused by now is more."""
    filled_in: int | None = None
    """The reply length that LiteLLM asks for where the client did not."""
    guessed: bool = False
    """Whether nobody knows the window, so that nothing is cut for it before the provider has refused."""
    base_model: str = ""
    """The model behind an alias, where the deployment names it."""
    learned_as: str = ""
    """What is learned of the deployment is kept under this."""
    _known: dict[str, int] = field(default_factory=dict, init=False, repr=False, compare=False)

    def of(self, conversation: Conversation) -> Case:
        """The same for a conversation whose messages are there."""
        instructions = self.meter.messages(message for message in conversation.messages if message.instructs)
        return replace(self, conversation=conversation, fixed=self.overhead + instructions)

    def with_overhead(self, tokens: int) -> Case:
        """The same with so many tokens more beside the history, in the steps of a budget, so that what changes a little changes none."""
        step = max(1, self.window // STEPS_OF_A_WINDOW)
        return replace(self, overhead=self.overhead + -(-tokens // step) * step)

    @property
    def window(self) -> int:
        return self.limit.max_input_tokens

    @property
    @_once
    def reserved(self) -> int:
        """What is kept for the reply, in the provider's tokens."""
        return reply_reserve(self.window, self.wanted, self.least, self.plan.at_most(self.fixed)) if self.wanted else 0

    @property
    def planned(self) -> int:
        """What the prompt may have beside the reply, by what every replica knows."""
        return self.plan.within(self.window - self.reserved)

    @property
    @_once
    def allowed(self) -> int:
        """The same by what was learned, too."""
        return self._capped(self._learned(self.window - self.reserved))

    @property
    def most(self) -> int:
        """What the prompt may have when the reply has given way to its least."""
        return self._capped(self._learned(self.window - self.least))

    @property
    def believed(self) -> int:
        """The same where the estimate is taken at its word: more would certainly be refused."""
        return max(self.most, self._capped(min(self.scale.undoubted.within(self.window - self.least), self.window - self.least)))

    @property
    @_once
    def room(self) -> int:
        """What the replay may use for the messages, in steps."""
        planned, allowed = self.planned, self.allowed
        if NEAR * planned <= allowed <= planned / NEAR:
            return self._for_messages(planned, STEPS_OF_A_WINDOW)
        coarse = self._for_messages(allowed, COARSE)
        return coarse if allowed < planned else max(coarse, self._for_messages(planned, STEPS_OF_A_WINDOW))

    @property
    def tight_room(self) -> int:
        """The same where the learned budget must hold to the token."""
        return self._for_messages(min(self.allowed, self.planned), STEPS_OF_A_WINDOW)

    @property
    def wide_room(self) -> int:
        """The same where the reply gives way, so that what has to stay can stay whole."""
        return max(self.room, min(self.most, self.plan.within(self.window - self.least)) - self.overhead)

    @property
    def believed_room(self) -> int:
        """The same where estimates are taken at their word, too."""
        return max(self.wide_room, self.believed - self.overhead)

    def _learned(self, real: int) -> int:
        """No budget that was learned passes what the window holds by its own numbers."""
        return min(self.scale.within(real), real)

    def _capped(self, tokens: int) -> int:
        return tokens if self.cap is None else min(tokens, self.cap)

    def _for_messages(self, tokens: int, steps: int) -> int:
        step = max(1, self.window // steps)
        part = max(1, self.window // STEPS_OF_A_WINDOW // 8)
        return max(0, (tokens // step * step or tokens) - -(-self.overhead // part) * part)

    @property
    def correction(self) -> Correction | None:
        """What the deployment's own counts taught, for the report."""
        return correction_of(self.calibration)

    def reply_room(self, tokens: int) -> int | None:
        """The longest reply that certainly fits beside a prompt, at least the least; None when the reply has a window of its own."""
        return None if self.limit.separate_output else max(self.least, self.window - self.scale.at_most(tokens))

    def is_guess(self, tokens: int) -> bool:
        """Whether a prompt of this size is not to be touched: nobody knows the window, or it may be a longer one."""
        return self.guessed and (self.limit.source != "inference" or tokens <= INFERRED * self.window)


def correction_of(known: Calibration) -> Correction | None:
    """What a deployment's own counts taught, for reports; None where they taught nothing yet."""
    if not known.samples:
        return None
    return Correction(round(known.slope, 4), round(known.offset, 1), round(known.spread, 4), len(known.samples))


def capped_case(conversation: Conversation, max_input_tokens: int) -> Case:
    """A case with a hard cap on the prompt, nothing subtracted."""
    meter = meter_for(conversation.model)
    limit = ContextLimit(max_input_tokens, None, "argument", separate_output=True)
    return Case(conversation, meter, limit, Scale(), Scale(), meter.overhead(conversation))


def open_case(
    conversation: Conversation,
    deployment: Deployment | None,
    limits: LimitChain,
    calibrations: Calibrations,
    settings: Settings,
    api: str = "",
) -> Case:
    """A case whose budget is the model's window, less the reply, less a margin for the error of what is estimated."""
    model = conversation.model
    counted = counted_as(model, deployment)
    meter = meter_for(counted)
    limit = limits.resolve(model, deployment, conversation.request)
    calibration = calibrations.get(calibrated_as(model, deployment))
    plan = Scale(doubt=meter.doubt)
    window, requested = limit.max_input_tokens, conversation.max_output_tokens
    apart = limit.separate_output
    return Case(
        conversation,
        meter,
        limit,
        plan,
        scale_of(calibration, plan),
        meter.overhead(conversation),
        calibration,
        wanted=0 if apart else wanted_reply(window, requested, settings.reserve_output, limit.max_output_tokens),
        least=0 if apart else min(max(settings.min_output_tokens, least_reply(conversation.request)), window // 2),
        filled_in=filled_in_reply(model, api, limit, conversation.request) if requested is None else None,
        guessed=settings.limits.unknown == "learn" and limit.source in ("default", "inference") and not cuts_in_silence(model),
        base_model=counted,
        learned_as=calibrated_as(model, deployment),
    )


def scale_of(calibration: Calibration, plan: Scale) -> Scale:
    """What was learned of a deployment, once there is enough to go by; else what is planned with."""
    if not calibration.trusted:
        return plan
    return Scale(calibration.slope, calibration.offset, _share(calibration.margin(PROBE, untrained=0)))


def _share(margin: int) -> float:
    """A margin of so many of a million real tokens as a share of the estimate."""
    return margin / (PROBE - margin)


def counted_as(model: str, deployment: Deployment | None) -> str:
    """The model whose tokenizer counts: behind an alias such as an Azure deployment, the base model."""
    base = deployment.model_info.get("base_model") if deployment else None
    return base if isinstance(base, str) and base else model


def calibrated_as(model: str, deployment: Deployment | None) -> str:
    """What a calibration is kept under: the deployment that answers, or the model's name without one."""
    return deployment.id if deployment and deployment.id else model
