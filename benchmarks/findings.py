"""Where another engine keeps more than ours, in sentences that are computed from the figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from contexts import COLUMNS, Context
from engines import OURS, WINDOW
from replays import Score
from summaries import Held

__all__ = ["findings", "more_kept"]


def findings(scores: Sequence[Score]) -> str:
    """A sentence for the window in any case, and one for each peer that keeps more, on the sessions that both were read on."""
    ours = next((score for score in scores if score.engine.name == OURS[0] and score.contexts), None)
    return " ".join(_sentences(ours, scores)) if ours else ""


def _sentences(ours: Score, scores: Sequence[Score]) -> Iterator[str]:
    for score in scores:
        more = more_kept(score.context, Context.sum(ours.contexts[: len(score.contexts)]))
        if score.engine.name not in OURS and (more or score.engine.name == WINDOW):
            yield f"The {score.engine.label}{_refused(score)} keeps more than {ours.engine.label}: {more or 'nowhere'}."


def more_kept(theirs: Context, ours: Context) -> str:
    """The columns of which they keep more, with both shares and of how many; empty where there is none."""
    shares = ((column, theirs.share(column), ours.share(column)) for column in COLUMNS)
    more = [(column, one, other) for column, one, other in shares if one is not None and other is not None and one > other]
    return ", ".join(f"{column} {one:.3f} against {other:.3f} ({theirs.of_how_many(column):,})" for column, one, other in more)


def _refused(score: Score) -> str:
    """What an engine's keeping is worth: how many of its requests a provider would have refused."""
    counts = {"too big": score.sent_too_big, "invalid": score.invalid, "failed": score.errors}
    bad = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
    return f" (of its {score.requests:,} requests: {bad})" if bad else ""


def against_summaries(held: Sequence[Held]) -> str:
    """Bound facts and whole names of each row that starts from the history, as a multiple of the client's summary, and where that keeps more."""
    if not held or not held[0].context.bound:
        return ""
    summary, *others = held
    return " ".join(_against(summary, one) for one in others)


def _against(summary: Held, one: Held) -> str:
    times = one.context.bound / summary.context.bound
    more = more_kept(summary.context, one.context)
    return f"{one.label}: {times:.1f} times the bound facts of the client's summary alone, which keeps more of: {more or 'nothing'}."
