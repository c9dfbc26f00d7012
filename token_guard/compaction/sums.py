"""How a run sums up what it did: the counts and the verdict among its last lines."""

from __future__ import annotations

import re
from collections.abc import Sequence

from token_guard.compaction.error_forms import is_source

__all__ = ["says_anything", "sums"]

LAST = 12
"""Of a run, so many last lines are looked at: behind Maven's verdict come six, behind a crate's tests those of its documentation."""

COUNTED_WORDS = (
    r"(?:passed|pass(?:ing|es)?|failed|failing|failures?|skipped|total|tests?|specs?|examples?|assertions?|errors?|warnings?|problems?|issues?"
    r"|vulnerabilities|packages|rows?(?: affected)?|added|removed|updated|to add"
    r"|files? (?:changed|checked|formatted|reformatted|scanned|left(?: unchanged)?)"
    r"|(?!truncated|omitted|needed)(?:[a-z]+ed|written|sent|built|found))"
)
COUNT = re.compile(
    rf"\W{{0,20}}(?:[\w:!,.]{{1,30}}\s+){{0,4}}\d[\d,]{{0,12}}%?\s(?:[a-z]{{1,20}} ){{0,2}}{COUNTED_WORDS}"
    r"(?:\(s\))?(?=[^\w\s./]|\.?\s*$|\. | in\b| out of\b| with\b| \(| across\b)"
)
PAIR = re.compile(
    r"\b(?:passed|pass|failed|fail|failures|errors|tests(?: run)?|ok|changed|matched|skipped|unreachable|warnings|examples|assertions)\b"
    r"\s{0,8}[:=]?\s{0,8}\d",
    re.IGNORECASE,
)
PAIR_FIRST = re.compile(r"\W{1,4}(?:tests|pass|fail) \d")
"""A count of what a run did ("81 passed"), or its figures by name ("ok=12 changed=3"): two of them, or one behind a mark."""

DIGIT = re.compile(r"\d")
LONGEST = 300
"""Characters of a line in which its figures stand."""

MATTERS = re.compile(r"(?<![\d.])[1-9][\d,]*(?![\d,]*\.\d|[\d,]*\s?(?:ms|s|sec|seconds|%)\b|\d)")
"""A number that is neither zero nor a time."""

VERDICT_FIRST = re.compile(
    r"\W{0,8}(?:OK|[Dd]one|DONE|Success\w*|success|Succeeded|Finished|Completed?|Compiled (?:in|success)|[Bb]uilt|Passed"
    r"|Nothing to|No (?:changes|issues|problems|errors))\b"
    r"|(?:Build|Apply|[A-Z]\w{2,20}) (?:succeeded|complete[d]?|finished|passed|successful)\b|ok\s+[\w./-]{1,200}\s+(?:\d[\d.]*s|\(cached\))"
)
VERDICT_LAST = re.compile(
    r"(?:\bOK|\bDONE|\bdone|\bpassed|\bsucceeded|\bcompleted?|\bup[ -]to[ -]date)(?:\s\(?\d[\d.]{0,8}\s?m?s\)?)?\W{0,4}$"
)
VERDICT_WITHIN = re.compile(
    r"successfully\b|BUILD SUCCESS|Nothing to be done"
    r"|(?:[Aa]ll|ALL) (?:[\w,]{1,20} )?(?:checks?|tests?|files?|specs?) (?:have |are )?(?:pass|ok|clean|up to date)"
)
"""A word that says how it ended, where a line begins or ends with it; and phrases that say it wherever they stand."""

ENDING = 40
"""Characters at the end of a line in which such a word stands."""

BUILT = "BUILD SUCCESS"
"""A verdict that is told wherever it stands; others say less than a count that comes behind them ("Finished in 0.3 seconds")."""

LISTED = re.compile(r"[-+]\w|\s*(?:[d-][rwx-]{9}|(?:create|delete) mode |\d+ \S*(?:/\S*|\.\w{1,20})$)")
RULED = re.compile(r"\W*(?:\[\w{1,12}\]\W*)?")
"""A row of a listing or of a diff, and a line without a word."""


def sums(lines: Sequence[str]) -> list[str]:
    """The lines that sum up what a run did: the last count that is not zero and the verdict behind it, else the verdict, else a count.

    >>> sums(["test result: ok. 40 passed; 0 failed", "running 0 tests", "test result: ok. 0 passed; 0 failed"])
    ['test result: ok. 40 passed; 0 failed']
    >>> sums(["[INFO] Tests run: 3, Failures: 0", "[INFO] ------", "[INFO] BUILD SUCCESS", "[INFO] ------"])
    ['[INFO] Tests run: 3, Failures: 0', '[INFO] BUILD SUCCESS']
    """
    last = [line[:LONGEST] for line in lines[-LAST:] if not LISTED.match(line)]
    counts = [place for place, line in enumerate(last) if _counts(line)]
    matter = [place for place in counts if MATTERS.search(last[place])][-1:]
    verdict = [place for place, line in enumerate(last) if place not in counts and _judges(line)][-1:]
    if matter:
        return [last[place] for place in sorted({*matter, *(place for place in verdict if place > matter[0] or BUILT in last[place])})]
    return [last[place] for place in verdict or counts[-1:]]


def says_anything(line: str) -> bool:
    """Whether a line has a word beside the level that it begins with.

    >>> says_anything("[INFO] -------"), says_anything("OK")
    (False, True)
    """
    return RULED.fullmatch(line) is None


def _counts(line: str) -> bool:
    if not DIGIT.search(line):
        return False
    if PAIR_FIRST.match(line):
        return True
    return (COUNT.match(line) is not None or len(PAIR.findall(line)) > 1) and not is_source(line)


def _judges(line: str) -> bool:
    said = VERDICT_FIRST.match(line) or VERDICT_LAST.search(line[-ENDING:]) or VERDICT_WITHIN.search(line)
    return said is not None and not is_source(line)
