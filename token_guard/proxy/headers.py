"""A report as the x-token-guard-* headers of the answer, and as one line of the log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from token_guard.errors import ContextOverflowError
from token_guard.report import Report

__all__ = [
    "HEADERS",
    "PREFIX",
    "bypassed_headers",
    "history_headers",
    "log_line",
    "passes",
    "rejected_headers",
    "rejected_line",
    "remark_headers",
    "report_headers",
]

PREFIX: Final = "x-token-guard-"

HEADERS: Final[Mapping[str, str]] = {
    "action": "what was done: none, compacted, clamped, rejected, observed or bypassed",
    "would": "where requests are only observed: what would have been done",
    "tokens-before": "tokens of the request as it came",
    "counted": "what these numbers are: exact, estimate, or an upper bound, which settles most requests; not told of a refused one",
    "tokens-after": "tokens of what is forwarded, or would be; of a refused request, how far it could be shrunk",
    "limit": "the model's context window in tokens",
    "limit-source": "where that number comes from",
    "passes": "the passes that removed something, and the tokens that each removed in all, before anything was quoted back",
    "kept": "what became of the running task, the loaded rules, the newest plan and the newest exchange",
    "rules": "of the rules and facts that the user gave, how many are forwarded",
    "retention": "share of what the history comes back to that is forwarded in its context",
    "tokens-raw": "of a token count: what is counted of the request as it came; the answer is the count of what would be forwarded",
    "history": "of a session whose conversation is held: what became of it, and how many messages were put in front",
    "remark": "what a client asked for and did not get, and why",
}
"""Every header of an answer, without the prefix, and what it says; one without a value is left out."""


def report_headers(report: Report) -> dict[str, str]:
    """What the guard found and did."""
    return _named(
        {
            "action": report.action,
            "would": report.would or "",
            "tokens-before": str(report.tokens_before),
            "counted": report.counted,
            "tokens-after": str(report.tokens_after),
            "limit": str(report.limit.max_input_tokens),
            "limit-source": report.limit.source,
            "passes": passes(report),
            "kept": ", ".join(f"{name}={fate}" for name, fate in report.kept.told.items()),
            "rules": f"{report.rules.kept}/{report.rules.found}" if report.rules.found else "",
            "retention": f"{report.retention:.3g}",
        }
    )


def rejected_headers(error: ContextOverflowError) -> dict[str, str]:
    """The headers of a request that could not be made to fit; `tokens-after` is how far it could be shrunk."""
    return _named(
        {
            "action": "rejected",
            "tokens-before": str(error.tokens_before),
            "tokens-after": str(error.tokens),
            "limit": str(error.window),
            "limit-source": error.limit_source,
        }
    )


def remark_headers(remark: str) -> dict[str, str]:
    """What a client is told beside what was done to its request."""
    return _named({"remark": remark})


def history_headers(outcome: str) -> dict[str, str]:
    """What a client is told of the conversation that is held for it."""
    return _named({"history": outcome})


def bypassed_headers() -> dict[str, str]:
    """The headers of a request that the guard failed on."""
    return _named({"action": "bypassed"})


def log_line(report: Report) -> str:
    """What was done to a request, without any content."""
    limit = f"{report.limit.max_input_tokens} ({report.limit.source})"
    counts = f"{report.tokens_before} -> {report.tokens_after} tokens"
    rules = f"rules {report.rules.kept}/{report.rules.found}" if report.rules.found else "no rules"
    kept = f"retention {report.retention:.0%}, changes told {report.quality.changes:.0%}, {rules}"
    lost = "".join(f"{name} {fate}, " for name, fate in report.kept.told.items() if fate != "whole")
    done = f"{passes(report) or 'no pass'}, {kept}, {lost}{report.utilisation:.0%} of the budget used, {report.seconds * 1_000:.1f} ms"
    action = f"observed, would be {report.would}," if report.would else report.action
    return f"{action} {report.model}: {counts}, limit {limit}, {done}"


def rejected_line(error: ContextOverflowError) -> str:
    """What could not be made to fit, without any content."""
    parts = ", ".join(f"{name} {count}" for name, count in error.parts.items())
    counts = f"{error.tokens_before} -> {error.tokens} tokens, {error.allowed} allowed"
    return f"rejected {error.model}: {counts}, limit {error.window} ({error.limit_source}){f', {parts}' if parts else ''}"


def passes(report: Report) -> str:
    """The passes that changed something, and the tokens that each removed.

    >>> from token_guard.budget import Budget, ContextLimit
    >>> from token_guard.report import Step
    >>> steps = (Step("mask_observations", 900, 88), Step("deduplicate", 88, 88, "unchanged"), Step("truncate", 88, 81))
    >>> passes(Report("compacted", "m", ContextLimit(99), Budget(99, 80, 30, 0), 900, 81, steps=steps))
    'mask_observations;removed=812, truncate;removed=7'
    """
    return ", ".join(f"{name};removed={tokens}" for name, tokens in report.removed.items())


def _named(values: Mapping[str, str]) -> dict[str, str]:
    return {f"{PREFIX}{name}": value for name, value in values.items() if value}
