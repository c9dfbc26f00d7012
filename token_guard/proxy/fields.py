"""A report as named values, without any content: the fields of a log line, the attributes of a span, the columns of a spend log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from token_guard.report import Report

__all__ = ["CACHE_READ", "CACHE_WRITE", "FIELDS", "GEN_AI", "Field", "Value", "fields_of", "span_attributes"]

Value: TypeAlias = str | bool | int | float | list[str]


@dataclass(frozen=True, slots=True)
class Field:
    """One value of a report, and what it says; None where there is nothing to say."""

    meaning: str
    of: Callable[[Report], Value | None]


FIELDS: Final[Mapping[str, Field]] = {
    "action": Field("what was done: none, compacted, clamped, rejected, observed or bypassed", lambda report: report.action),
    "would": Field("what would have been done, where requests are only observed", lambda report: report.would),
    "model": Field("the model that receives the request", lambda report: report.model),
    "tokens_before": Field("tokens of the request as it came", lambda report: report.tokens_before),
    "tokens_after": Field("tokens of what is forwarded, or would be", lambda report: report.tokens_after),
    "counted": Field("what these numbers are: exact, estimate, or an upper bound", lambda report: report.counted),
    "allowed": Field("tokens that the prompt may have", lambda report: report.budget.allowed),
    "limit": Field("the model's context window in tokens", lambda report: report.limit.max_input_tokens),
    "limit_source": Field("where that number comes from", lambda report: report.limit.source),
    "max_output_tokens": Field("the reply length that was forwarded instead of the client's", lambda report: report.max_output_tokens),
    "passes": Field("the passes that removed something", lambda report: list(report.removed) or None),
    "epochs": Field("compactions that the history has been through", lambda report: report.epochs or None),
    "utilisation": Field("forwarded tokens as a share of what is allowed", lambda report: report.utilisation),
    "compression_ratio": Field("forwarded tokens as a share of the client's", lambda report: report.compression_ratio),
    "retention": Field("share of what the history comes back to that is forwarded in its context", lambda report: report.retention),
    "changes_told": Field("share of the calls that changed something which are told", lambda report: report.quality.changes),
    "relevance": Field("share of what earlier messages have to do with the present", lambda report: report.quality.relevance),
    "rules_found": Field("rules and facts of the user's in what was compacted", lambda report: report.rules.found or None),
    "rules_kept": Field("how many of them are forwarded", lambda report: report.rules.kept if report.rules.found else None),
    "kept_task": Field("the running task: whole, cut or gone", lambda report: report.kept.told.get("task")),
    "kept_rules": Field("the rules that the client loaded", lambda report: report.kept.told.get("rules")),
    "kept_plan": Field("the newest plan", lambda report: report.kept.told.get("plan")),
    "kept_newest": Field("the newest exchange", lambda report: report.kept.told.get("newest")),
    "note": Field("why a request was passed by, rejected or left as it was", lambda report: report.note or None),
    "overhead_seconds": Field("the time that the guard took", lambda report: round(report.seconds, 6)),
}
"""Every field by its name in a log line; in a span it stands behind `token_guard.`."""

GEN_AI: Final[Mapping[str, str]] = {
    "gen_ai.conversation.compacted": "true where the forwarded request was compacted; never false, as the conventions want it",
    "gen_ai.conversation.id": "the conversation: what the client or LiteLLM calls it, else the digest of its opening",
    "gen_ai.usage.cache_read.input_tokens": "prompt tokens that the provider read from its cache",
    "gen_ai.usage.cache_write.input_tokens": "prompt tokens that it wrote into its cache",
}
"""The attributes of the OpenTelemetry conventions for generative AI that the guard sets."""

_COMPACTED, _CONVERSATION, CACHE_READ, CACHE_WRITE = GEN_AI


def fields_of(report: Report) -> dict[str, Value]:
    """The fields that have something to say.

    >>> from token_guard.budget import Budget, ContextLimit
    >>> fields = fields_of(Report("none", "gpt-4o", ContextLimit(99, None, "argument"), Budget(99, 80, 30, 0), 7, 7))
    >>> fields["action"], fields["tokens_before"], "would" in fields
    ('none', 7, False)
    """
    return {name: value for name, field in FIELDS.items() if (value := field.of(report)) is not None}


def span_attributes(report: Report, session: str = "") -> dict[str, Value]:
    """The same as attributes of a span, with those of the conventions; `session` is what the client calls it."""
    attributes: dict[str, Value] = {f"token_guard.{name}": value for name, value in fields_of(report).items()}
    if report.action == "compacted":
        attributes[_COMPACTED] = True
    if conversation := session or report.session:
        attributes[_CONVERSATION] = conversation
    return attributes
