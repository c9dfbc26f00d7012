"""Where another engine keeps more than ours, in sentences that are computed from the figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from contexts import COLUMNS, Context
from engines import ENGINES, OURS, WINDOW
from replays import Score
from summaries import Held

__all__ = ["against_summaries", "fewer_lost", "findings", "more_kept"]


def fewer_lost(scores: Sequence[Score]) -> str:
    """A sentence for each other engine that loses fewer facts than ours on the same sessions, and for the window in any case."""
    ours = next((score for score in scores if score.engine.name == OURS[0]), None)
    return " ".join(_losses(ours, scores)) if ours else ""


def _losses(ours: Score, scores: Sequence[Score]) -> Iterator[str]:
    for score in scores:
        mine = sum(ours.losses[: len(score.losses)])
        if score.engine.name not in OURS and (score.lost < mine or score.engine.name == WINDOW):
            how = "fewer" if score.lost < mine else "no fewer"
            yield f"**{score.engine.label}**{_refused(score)} loses {how} facts than {ours.engine.label}: {score.lost:,} against {mine:,}."


def findings(scores: Sequence[Score]) -> str:
    """A sentence for the window in any case, and one for each peer that keeps more, on the sessions that both were read on."""
    ours = next((score for score in scores if score.engine.name == OURS[0] and score.context.judged), None)
    return " ".join(_sentences(ours, scores)) if ours else ""


def _sentences(ours: Score, scores: Sequence[Score]) -> Iterator[str]:
    for score in scores:
        more = more_kept(score.context, Context.sum(ours.contexts[: len(score.contexts)]))
        if score.engine.name not in OURS and (more or score.engine.name == WINDOW):
            yield _sentence(f"**{score.engine.label}**{_refused(score)}", ours.engine.label, more)


def _sentence(theirs: str, ours: str, more: str) -> str:
    return f"{theirs} keeps more than {ours}: {more}." if more else f"{theirs} keeps more than {ours} nowhere."


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
    """In each room: how our default compares with the client's summary alone, and who of the same room keeps more."""
    default = next(engine.label for engine in ENGINES if engine.name == OURS[0])
    return " ".join(sentence for one in held if one.label == default for sentence in _against(held[0], one, held))


def _against(summary: Held, ours: Held, held: Sequence[Held]) -> Iterator[str]:
    """How many times the summary's bound names are kept is said where it has any."""
    bound, base = ours.context.bound, summary.context.bound
    times = f" ({bound / base:.1f} times as many)" if base else ""
    yield f"In the room {ours.room} {ours.label} keeps {bound:,} names bound, the client's summary alone {base:,}{times}."
    own = {engine.label for engine in ENGINES if engine.name in OURS}
    for other in held:
        if other.room == ours.room and other.label not in own:
            yield _sentence(f"**{other.label}**", ours.label, more_kept(other.context, ours.context))
