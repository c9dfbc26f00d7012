"""What sort of text a tool's output is, and one short phrase that says so in that sort's own terms."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal

__all__ = ["Kind", "headline", "kind_of"]

Kind = Literal["json", "diff", "grep", "table", "log", "code", "text"]

WINDOW = 4_000
"""Characters at either end that are looked at: some fifty lines each, so that a megabyte costs little more than a page."""

MOST = 0.6
"""Of the lines looked at, so many have the form of their kind: the others are continuations and footers."""

FEWEST_LINES = 3
"""Fewer lines show no form."""

MAX_NAMES = 5
NAME = re.compile(r"[\w.$@/\- ]{1,20}")
"""Keys and columns are data: few, short, and only what looks like names, so that no sentence passes for a headline."""

OPENING = re.compile(r'\s*(?:\{\s*"[^"\n]{0,200}"\s*:|\[\s*(?:[{\["]|-?\d[\d.]*\s*,))')
TOKEN = re.compile(r'"((?:[^"\\]|\\.)*+)"?(\s{0,4}:)?|[{}\[\]]', re.DOTALL)
"""A string, whether it is a key, or a bracket; a closing quote may be missing, so that no quote is tried twice."""

DIFF_START = re.compile(r"^(?:diff --git |@@ -\d+(?:,\d+)? \+\d)", re.MULTILINE)
DIFF_LINE = re.compile(r"[+\-@ \\]|(?:diff|index|new|deleted|old|similarity|rename|commit|Author:|Date:|Binary) ")
HIT = re.compile(r"^([^\s:]{1,300}):\d{1,7}:", re.MULTILINE)
RULE = re.compile(r"[\s|:+\-]{3,}")
STAMP = re.compile(r"\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d(?::\d\d)?|(?:[A-Z][a-z]{2} [ \d]\d )?\b\d\d:\d\d:\d\d\b")
LEVEL = re.compile(r"\b(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL)\b")
LOG_HEAD = 40
"""Characters of a log line within which its time or level stands; the dates of a file listing stand further right."""

NUMBER = re.compile(r"\s{0,8}\d{1,6}(?:\t|→|:|\s?\||\s{2})")
KEYWORD = re.compile(
    r"\s*(?:(?:async|export|default|pub|public|private|protected|static|final) )*"
    r"(?:def|class|import|from|func|function|fn|const|let|var|struct|interface|package|use|#include)\b"
)
SOURCE = re.compile(r"\s*(?:#|//|/?\*|@\w|[})\]]|(?:if|elif|else|for|while|return|try|except|raise|with|self)\b|[\w.]+ [:+-]?= )")
SOURCE_ENDS = ("{", "}", ";", ",", "(", ")", "[", "):", '"""')


def kind_of(text: str) -> Kind:
    """The sort of text it is, judged by its two ends; `text` when nothing else is plain.

    >>> kind_of('[{"id": 1}, {"id": 2}]')
    'json'
    """
    if _is_json(text):
        return "json"
    lines = _lines(text)
    return next((kind for kind, test in TESTS.items() if len(lines) >= FEWEST_LINES and test(lines)), "text")


def headline(text: str, kind: Kind) -> str:
    r"""What was there, in the terms of its kind; nothing when there is nothing to say.

    >>> headline('{"name": "x", "size": 3}', "json")
    'JSON object with keys name, size'
    """
    return HEADLINES[kind](text) if kind in HEADLINES else ""


def _lines(text: str) -> list[str]:
    """The whole lines that are not blank within the two windows."""
    if len(text) <= 2 * WINDOW:
        return [line for line in text.splitlines() if line.strip()]
    ends = [*text[:WINDOW].splitlines()[:-1], *text[-WINDOW:].splitlines()[1:]]
    return [line for line in ends if line.strip()]


def _most(lines: Iterable[str], fits: Callable[[str], object]) -> bool:
    looked_at = list(lines)
    left = len(looked_at)
    for line in looked_at:
        left -= not fits(line)
        if left < MOST * len(looked_at):
            return False
    return True


def _is_json(text: str) -> bool:
    """Parsed when it is short, else by how it begins and ends."""
    if not OPENING.match(text[:WINDOW]) or text[-WINDOW:].rstrip()[-1:] not in ("}", "]"):
        return False
    if len(text) > 2 * WINDOW or "}\n{" in text:
        return True
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def _is_hit(line: str) -> bool:
    hit = HIT.match(line)
    return hit is not None and ("." in hit[1] or "/" in hit[1])


def _is_code(lines: list[str]) -> bool:
    plain = [NUMBER.sub("", line, count=1) for line in lines]
    return any(map(KEYWORD.match, plain)) and _most(
        plain, lambda line: KEYWORD.match(line) or SOURCE.match(line) or line.rstrip().endswith(SOURCE_ENDS)
    )


def _columns(lines: list[str]) -> list[str]:
    """The columns of a table of pipes, tabs or commas; none when it is no table."""
    if any(RULE.fullmatch(line) and "--" in line for line in lines[:3]):
        head = next((line for line in lines if "|" in line), "")
        return [cell.strip() for cell in head.strip("| ").split("|")] if head and _most(lines, lambda line: "|" in line) else []
    return next((columns for separator in "\t,;" if (columns := _separated(lines, separator))), [])


def _separated(lines: list[str], separator: str) -> list[str]:
    rows = [row for row in csv.reader(lines[:-1], delimiter=separator) if row]
    head = [cell.strip() for cell in rows[0]] if rows else []
    named = len(head) > 1 + (separator != "\t") and len(set(head)) == len(head) and all(map(NAME.fullmatch, head))
    return head if named and len({len(row) for row in rows}) == 1 and not any(map(NUMBER.match, lines[:1])) else []


TESTS: Mapping[Kind, Callable[[list[str]], object]] = {
    "diff": lambda lines: any(map(DIFF_START.match, lines)) and _most(lines, DIFF_LINE.match),
    "grep": lambda lines: _most(lines, _is_hit),
    "table": _columns,
    "log": lambda lines: _most(lines, lambda line: STAMP.search(line[:LOG_HEAD]) or LEVEL.search(line[:LOG_HEAD])),
    "code": _is_code,
}
"""In this order: a diff of code is a diff, hits in a log are hits."""


def _keys(text: str, level: int) -> Iterator[str]:
    """The keys of objects that stand `level` brackets deep, from the first window."""
    depth = 0
    for token in TOKEN.finditer(text[:WINDOW]):
        depth += (token[0] in "{[") - (token[0] in "}]")
        if token[2] and depth == level:
            yield token[1]


def _few(names: Iterable[str]) -> str:
    return ", ".join([name for name in dict.fromkeys(names) if NAME.fullmatch(name)][:MAX_NAMES])


def _json(text: str) -> str:
    if "}\n{" in text:
        return _with(f"JSON lines, {text.count(chr(10) + '{') + 1:,} objects", "with", _few(_keys(text, 1)))
    if text[:WINDOW].lstrip().startswith("{"):
        return _with("JSON object", "with keys", _few(_keys(text, 1)))
    keys = list(_keys(text, 2))
    what = "objects" if keys else "items"
    return _with(f"JSON list of {_length(text, keys)}{what}", "with", _few(keys))


def _length(text: str, keys: list[str]) -> str:
    """How many there are in a list, with a space: exact when it is short, else by how often the first key comes."""
    if len(text) <= 2 * WINDOW:
        return f"{len(json.loads(text)):,} "
    return f"about {text.count(f'{chr(34)}{keys[0]}{chr(34)}'):,} " if keys else ""


def _diff(text: str) -> str:
    body = f"\n{text}"
    files = max(body.count("\ndiff --git "), body.count("\n+++ "), 1)
    added, removed = body.count("\n+") - body.count("\n+++ "), body.count("\n-") - body.count("\n--- ")
    return f"diff of {files:,} {'file' if files == 1 else 'files'}, +{added:,} -{removed:,}"


def _grep(text: str) -> str:
    paths = HIT.findall(text)
    files = len(set(paths))
    return f"{len(paths):,} hits in {files:,} {'file' if files == 1 else 'files'}"


def _table(text: str) -> str:
    piped = text[:WINDOW].lstrip().startswith(("|", "+"))
    ruled = any(map(RULE.fullmatch, _lines(text)[:3]))
    rows = text.count("\n|") - 1 if piped else text.rstrip().count("\n") - ruled
    return _with(f"table of {max(rows, 0):,} rows", "with columns", _few(_columns(_lines(text))))


def _log(text: str) -> str:
    stamps = [found[0] for line in _lines(text) if (found := STAMP.search(line[:LOG_HEAD]))]
    return f"log from {stamps[0]} to {stamps[-1]}" if stamps else "log"


def _with(what: str, link: str, names: str) -> str:
    return f"{what} {link} {names}" if names else what


HEADLINES: Mapping[Kind, Callable[[str], str]] = {
    "json": _json,
    "diff": _diff,
    "grep": _grep,
    "table": _table,
    "log": _log,
    "code": lambda _: "source code",
}
