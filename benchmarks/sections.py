"""From figures to the sections of the page, a function for each kind of table."""

from __future__ import annotations

from collections.abc import Sequence

from contexts import COLUMNS, Context
from facts import Kept, Speed
from findings import against_summaries, fewer_lost, findings
from pages import Section
from replays import FRACTION, Evidence, Score, SessionSet
from summaries import NEXT, PROVIDER_TOKENS, Compaction, Held

__all__ = [
    "context_section",
    "evidence_section",
    "facts_section",
    "impossible_section",
    "scores_section",
    "speed_section",
    "summaries_section",
]

SCORE_COLUMNS = (
    "engine",
    "sessions",
    "too big",
    "invalid",
    "errors",
    "facts lost",
    "lost / window's",
    "cache hit",
    "cost / window's",
    "ms",
)


def scores_section(kind: SessionSet, title: str, scores: Sequence[Score], remark: str = "") -> Section:
    """How the engines did on one set."""
    most = max((score.sessions for score in scores), default=0)
    about = f"{most} sessions of {kind.min_tokens:,} tokens and more, forwarded within {kind.budget:,}."
    capped = ", ".join(score.engine.label for score in scores if score.sessions < most)
    notes = (about, remark, capped and f"Slow, so only on the shortest sessions, with the window on the same: {capped}.")
    return Section(title, " ".join(filter(None, notes)), SCORE_COLUMNS, tuple(map(_score_row, scores)), fewer_lost(scores))


def _score_row(score: Score) -> tuple[str, ...]:
    counts = (score.sessions, score.too_big, score.invalid, score.errors)
    lost = f"{score.lost:,} of {score.at_risk:,}"
    shares = (f"{score.lost_share:.2f}", f"{score.cache_hit:.3f}", f"{score.cost_share:.2f}")
    return (score.engine.label, *map("{:,}".format, counts), lost, *shares, f"{score.milliseconds:.1f}")


CONTEXT_COLUMNS = ("engine", "requests read", *COLUMNS, "bare", "invented")


def context_section(kind: SessionSet, title: str, scores: Sequence[Score]) -> Section:
    """What a reader finds in what the engines forward, and who keeps more than ours."""
    which = f"Every {kind.every}th request" if kind.every > 1 else "Every request"
    remark = f"{which} of a session that is over the budget was read."
    rows = tuple((score.engine.label, f"{score.context.judged:,}", *_context_cells(score.context)) for score in scores)
    return Section(f"{title}: what a reader finds", remark, CONTEXT_COLUMNS, rows, findings(scores))


def _context_cells(context: Context) -> tuple[str, ...]:
    bare = f"{context.bare / context.put:.3f}" if context.put else "-"
    return (*(_share(context, column) for column in COLUMNS), bare, f"{context.invented:,}")


def _share(context: Context, column: str) -> str:
    share = context.share(column)
    return "-" if share is None else f"{share:.3f} of {context.of_how_many(column):,}"


SUMMARIES = """What a client's own model wrote when the client compacted: {n} of {recorded} compactions of real sessions, all with calls
after them. The calls of the next {next} messages are what is asked for; what stood in the newest messages, the instructions, the first or
the last user message is not asked for. The client's summary is read as it would be sent, a user message behind the instructions, with
nothing else. The engines get the whole history before the compaction and two rooms: the tokens of the summary, and the tokens of
conversation that the client's next request really held (the provider's count of it, less that of the session's first request, at {tokens}
to an o200k token: an estimate). The summary alone is much the smaller of these, so only rows of one room are of one size. What the client
kept or read again beside its summary is not on record; the second row fills the room with the newest messages. In {later} of the {n} the
client had compacted before, so its model saw an earlier summary where the engines have the messages."""


def summaries_section(held: Sequence[Held], compactions: Sequence[Compaction], recorded: int) -> Section:
    """The clients' own summaries beside what we make of the same history."""
    later = sum(one.later for one in compactions)
    remark = SUMMARIES.format(n=len(compactions), recorded=recorded, next=NEXT, tokens=PROVIDER_TOKENS, later=later)
    columns = ("what the client goes on with", "room", "n", "median tokens", "too big", "refused", *COLUMNS, "bare", "invented")
    rows = tuple(
        (one.label, one.room, *map("{:,}".format, (len(compactions), one.tokens, one.too_big, one.errors)), *_context_cells(one.context))
        for one in held
    )
    return Section("Against the clients' own summaries", remark, columns, rows, against_summaries(held))


def impossible_section(kind: SessionSet, title: str, scores: Sequence[Score]) -> Section:
    """Sessions that nobody can fit: what counts is that a request is refused with a reason rather than sent in vain."""
    remark = (
        f"The instructions alone of these {max((score.sessions for score in scores), default=0)} sessions are larger than {kind.budget:,}"
        " tokens, so no engine that keeps them can fit them. To refuse says at once which part is too large."
    )
    rows = tuple(
        (score.engine.label, *map("{:,}".format, (score.over, score.errors, score.sent_too_big, score.invalid))) for score in scores
    )
    return Section(title, remark, ("engine", "requests over", "refused", "sent too big", "sent invalid"), rows)


def evidence_section(found: Sequence[Evidence]) -> Section:
    """Questions over long dialogues."""
    remark = (
        f"Meetings with a question as the last message, within {FRACTION:.0%} of the history: the share of evidence messages forwarded."
    )
    rows = tuple((one.engine.label, str(one.dialogues), f"{one.recall:.2f}", str(one.too_big), str(one.invalid)) for one in found)
    return Section("Evidence for a question", remark, ("engine", "dialogues", "evidence kept", "too big", "invalid"), rows)


def facts_section(kept: Sequence[Kept]) -> Section:
    """Planted facts, a column group for each window."""
    remark = (
        "A generated session of 300 messages and about 290,000 tokens, with facts that are said once: in instructions, by the user, by the"
        " assistant, in JSON rows, logs, code and grep output. Kept: their keys, and in brackets their whole statements."
    )
    limits = sorted({one.limit for one in kept}, reverse=True)
    columns = tuple(name for limit in limits for name in (f"{limit // 1000}k: tokens", "kept", "first ms", "next ms"))
    by_engine = {one.engine.name: one.engine for one in kept}
    rows = tuple(
        (engine.label, *(cell for one in kept if one.engine is engine for cell in _kept_cells(one))) for engine in by_engine.values()
    )
    return Section(f"Planted facts ({kept[0].facts})", remark, ("engine", *columns), rows)


def _kept_cells(one: Kept) -> tuple[str, ...]:
    size = f"{one.tokens:,}" + ("" if one.tokens <= one.limit else " over")
    return size, f"{one.keys} ({one.statements})", f"{one.first_ms:,.0f}", f"{one.next_ms:,.0f}"


def speed_section(speeds: Sequence[Speed]) -> Section:
    """Our own time by length."""
    columns = ("messages", "tokens", "counting alone, ms", "first call with counts known, ms", "same request again, ms")
    rows = tuple(
        (f"{one.messages:,}", f"{one.tokens:,}", f"{one.counting_ms:,.0f}", f"{one.first_ms:,.0f}", f"{one.next_ms:,.0f}") for one in speeds
    )
    return Section("Speed by length", "The same kind of session through token_guard, adaptive, to 128,000 tokens; medians.", columns, rows)
