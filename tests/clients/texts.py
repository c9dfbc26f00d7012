"""Made-up words of agents and their tools, by a seed: tasks, plans, rules, and what shells, files and tests print."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random

__all__ = ["code", "names", "output", "plan", "prose", "rules", "task", "wish"]

THINGS = "berth crate depot ferry gauge hatch invoice jetty kiosk ledger manifest notice order parcel quay route seal tariff voucher winch"
DEEDS = "assign bill book cancel check close count fetch issue load merge move open print route sort stamp store track weigh"
NOUNS, VERBS = THINGS.split(), DEEDS.split()
FOLDERS = ("src/harbour", "src/billing", "lib/tracking", "tests/unit", "tools", "web/pages")


def names(rng: Random) -> tuple[str, str, str]:
    """A verb and a noun with the file that holds them."""
    verb, noun = rng.choice(VERBS), rng.choice(NOUNS)
    return verb, noun, f"{rng.choice(FOLDERS)}/{noun}_{rng.randrange(900)}.py"


def prose(rng: Random, tokens: int) -> str:
    """Sentences of a handbook, of about so many tokens."""
    sentences = []
    for number in range(max(1, tokens // 21)):
        verb, noun, path = names(rng)
        sentences.append(f"{number + 1}. When you {verb} a {noun}, look at {path} first, keep its order, and say so in one line.")
    return "\n".join(sentences)


def rules(rng: Random) -> str:
    """A file of rules for agents."""
    verb, noun, path = names(rng)
    lines = [
        f"Never change {path}; it is generated.",
        f"Always run tools/check_{noun}.sh before you {verb} anything.",
        f"Amounts are in minor units, dates in UTC, ids of a {noun} in upper case.",
        f"No new dependencies without ticket HRB-{rng.randrange(1000, 9999)}.",
    ]
    return "# Rules of this repository\n" + "\n".join(f"- {line}" for line in lines)


BEGINNINGS = (
    "Rewrite how we {verb} each {noun}",
    "Now the other half: find out why it takes minutes to {verb} a {noun}, and mend that",
    "We want to {verb} every {noun} in one place",
    "What we {verb} of a {noun} is wrong since last week: mend it",
    "{verb} and {noun} are two words for too many things here: part them",
    "Thanks. Next is the {noun}: have us {verb} it without a lock",
)


def task(rng: Random, number: int) -> str:
    """Work that a user asks for, with a rule and points that all have to be kept."""
    verb, noun, path = names(rng)
    points = (
        f"- {name} the {other} in {where}, at most {rng.randrange(2, 90)} at a time"
        for name, other, where in (names(rng) for _ in range(8))
    )
    begins = rng.choice(BEGINNINGS).format(verb=verb, noun=noun)
    asked = f"{begins} (HRB-{number}-{rng.randrange(10_000)}). Rule: never modify legacy_codec.py. Start in {path} and cover these points:"
    return "\n".join([asked, *points, f"Report DONE-{number} at the end."])


WISHES = (
    "{path} should {verb} a {noun} only once; find out who calls it twice, keep the order of all the others, and say in a line why",
    "Now {verb} every {noun} in {path} as well, with the limit that the other one has, and leave the names of its callers as they are",
    "I want each {noun} that is older than a week left out of what we {verb}; begin in {path} and write a test that shows the difference",
    "Please move what has to do with a {noun} out of {path}, so that one can {verb} it without the rest, and mend the imports behind it",
    "When we {verb} and the {noun} is empty, {path} fails with a message that nobody understands: have it name the file and the line",
)


def wish(rng: Random) -> str:
    """One of many small things that a user asks for, one after the other."""
    verb, noun, path = names(rng)
    return rng.choice(WISHES).format(verb=verb, noun=noun, path=path)


def plan(rng: Random, done: int) -> list[tuple[str, str]]:
    """Steps, each with its state; the first `done` are completed."""
    steps = [f"{verb} every {noun} in {path}" for verb, noun, path in (names(rng) for _ in range(6))]
    return [(step, "completed" if place < done else "in_progress" if place == done else "pending") for place, step in enumerate(steps)]


def output(rng: Random, tokens: int) -> str:
    """What a tool printed, of about so many tokens: a file, a search, a test run, a table, a JSON answer."""
    return rng.choice(KINDS)(rng, tokens)


def code(rng: Random, tokens: int) -> str:
    """A module."""
    parts = ["from __future__ import annotations\n"]
    for number in range(max(1, tokens // 50)):
        verb, noun, path = names(rng)
        parts.append(f"def {verb}_{noun}_{number}(item: str, limit: int = {rng.randrange(99)}) -> int:")
        parts.append(f'    """{verb.title()} a {noun}; see {path}."""')
        parts.append(f"    return lookup_{noun}(item)[{rng.randrange(9)}] + limit\n")
    return "\n".join(parts)


def _search(rng: Random, tokens: int) -> str:
    found = (names(rng) for _ in range(max(1, tokens // 23)))
    return "\n".join(f"{path}:{rng.randrange(400)}:    total += {verb}_{noun}(item)" for verb, noun, path in found)


def _tests(rng: Random, tokens: int) -> str:
    lines = [
        f"{path}::test_{verb}_{noun} PASSED [{rng.randrange(100)}%]"
        for verb, noun, path in (names(rng) for _ in range(max(1, tokens // 21)))
    ]
    verb, noun, path = names(rng)
    return "\n".join(
        [
            *lines,
            f"FAILED {path}::test_{verb}_{noun} - AssertionError: expected {rng.randrange(90)}, got None",
            f"1 failed, {len(lines)} passed",
        ]
    )


def _table(rng: Random, tokens: int) -> str:
    rows = (
        f"-rw-r--r-- 1 dev dev {rng.randrange(99_999):>6} May {rng.randrange(1, 29):>2} {path}"
        for _, _, path in map(names, [rng] * max(1, tokens // 28))
    )
    return "\n".join(rows)


def _json(rng: Random, tokens: int) -> str:
    rows = [
        {"id": rng.randrange(10**6), "noun": noun, "path": path, "state": verb}
        for verb, noun, path in map(names, [rng] * max(1, tokens // 36))
    ]
    return json.dumps({"items": rows, "total": len(rows)}, indent=1)


KINDS: Sequence[Callable[[Random, int], str]] = (code, code, _search, _tests, _table, _json)
