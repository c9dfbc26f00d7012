r"""What makes a line the report of an error: a severity in a severity's place, a count that is not zero, a phrase that says that something
went wrong, where a clause begins or ends with it.

Each table holds the forms of one kind, in the languages in which tools write. All are read in time linear to a line.
"""

from __future__ import annotations

import re

__all__ = ["CODE_ENDS", "COMPILED", "EMPTY", "ERROR_STEMS", "FLAG_STEMS", "LOUD", "SOURCE", "flags_error", "is_source", "says_error"]

ERROR_STEMS = (
    *("error", "err!", "exception", "traceback", "fail", "fatal", "panic", "denied", "refus", "not found", "no such", "cannot", "assert"),
    *("undefined", "unexpected", "invalid", "timed out", "timedout", "time out", "timeout", "could not", "unable to", "not allowed"),
    *("forbidden", "unauthorized", "reject", "conflict", "segmentation", "core dumped", "killed", "abort", "backoff", "not exist"),
    *("fehler", "nicht ", "verweigert", "erreur", "introuvable", "errore", "falló", "ошибка", "не найден", "错误", "錯誤", "失败", "失敗"),
    *("找不到", "未找到", "エラー", "見つかりません", "오류"),
)
"""A text without any of these, in lower case, reports no error; looking for them costs a tenth of looking at every line."""

FLAG_STEMS = ("success", "succeeded", "ok: false", '"ok"', "code: ", "http/")
"""The same of the fields of a record, and of answers of servers."""

SEVERITY = r"(?:fatal error|error|fatal|panic|critical|fehler|erreur|errore?|erro|ошибка|错误|錯誤|エラー|오류)"

FILE = r"[^\s:(]{1,200}"
CODE = r"(?:\[\w{1,40}\]|\s\w{1,40})?"
COMPILED = re.compile(
    rf"{FILE}(?::\d+(?::\d+)?|\(\d+(?:,\d+)?\)): {SEVERITY}{CODE}:|\d+:\d+\s{{1,8}}error\s"
    rf"|{FILE}:\d+:\d+: (?:error|undefined|cannot|invalid|missing|undeclared|unknown|could not|not enough|too many)\b"
    rf"|{FILE}:\d+:\d+ - error\b|(?-i:error|fatal)(?:\[\w{{1,40}}\])?: |npm (?:ERR!|error) ",
    re.IGNORECASE,
)
"""A compiler's message, behind its place in a file (`a.c:41:7:`, `a.cs(41,7):`, `12:5` under the name of a file): of several, the first
says what is wrong, the others follow from it."""

PLACED = re.compile(
    rf"\W{{0,8}}(?:[\w./-]{{1,40}}:? ){{0,2}}\[?{SEVERITY}(?:\[\w{{1,40}}\])?\]?\s?(?::|：|\s-\s)\s{{0,2}}\S"
    r"|<\w{0,20}error>\S|CONFLICT \(|Assertion failed|(?:[\w-]+: )?Segmentation fault|Killed$|Aborted\b",
    re.IGNORECASE,
)
"""A severity where a line has its severity, alone or behind the name of what speaks; a tool's own word in its place."""

ROW = re.compile(r"--- FAIL: |E {2,}(?:assert|[\w.]{1,80}:) |.*\b(?:[A-Z]\w{1,20}BackOff|OOMKilled)\b")
"""A row that no help text has: what a test runner says of an assertion, a state of a machine that failed."""

LOUD = re.compile(r"\b(?:ERROR|FATAL|CRITICAL|PANIC|FAILED)\b|\b[A-Z]\w*(?:Error|Exception)(?:: |\)$)|\bTraceback\b")
"""What reports an error wherever it stands: a level in capitals, an exception with its message."""

SOURCE = re.compile(
    r"^\s*(?:(?!\d\d:\d\d\b|\d{4}-\d\d-)(?:\d+\s*[:\-|→\t]|[^\s:]+:\d+:|[^\s-]\S*?-\d+-)|#(?!\d+ )|//|\*|[>+\-]\s|[0-9a-f]{7,40} )"
    r"|\b(?:raise|except|catch|throw|class|def|func|import|return|[Ii]f|[Ww]hen|would|should|may|might|print)\b"
    r"|\) error$|%[sdvqw]\b|\w\([\"'`]"
)
"""What marks a line as source code, a search hit, an entry of a list or a log of commits, or as speaking of what may come: it names
an error without reporting one."""

CODE_ENDS = ("{", "}", ";", ",", "(", "):", "[", "*/", '"""')

PASSED = re.compile(
    r"(?<!not )\b(?:ok|pass(?:ed)?|success(?:ful(?:ly)?)?|done|clean|solved|healthy)\W*$|[✓✔√]\W*$",
    re.IGNORECASE,
)
PASSES = re.compile(r"\W{0,8}(?:ok\b|✓|✔|√|PASS(?:ED)?\b)", re.IGNORECASE)
END = 30
"""What says of a line that nothing went wrong, whatever it is named after: at its end, in so many characters, or where it begins."""

HELP = re.compile(r"^\s*(?:-\w[\s,]|--[\w-]+|usage:|#+ |[*|] ?|\d{1,3}[.)] |[A-Z]\) |(?:[-•] )?\*\*|[\w.-]+\s{3,}\S)", re.IGNORECASE)
"""An option or an entry of a help text, a heading, a row of a table, a point of a list: it speaks of errors that may come."""

MENDED = r"(?:[Ff]ix(?:e[ds])?|[Rr]esolve[ds]?|[Hh]andle[ds]?|[Aa]dd(?:ed)?|[Ii]mprove[ds]?|[Aa]void(?:ed|s)?|[Pp]revent(?:ed|s)?)\b"
CALM = re.compile(
    rf"[^A-Za-z]{{0,40}}(?:INFO|DEBUG|TRACE)\b(?! .*\b[45]\d\d\b)|(?:\[[^\]]{{1,80}}\] |[*•-] )?{MENDED}"
    r"|(?:Subject|Title|Betreff|Objet|Asunto|Re|Fwd): |[d-][rwx-]{9}"
)
"""How lines begin that speak of errors in peace: a level below a warning, what somebody mended, the head of a mail, a row of a listing."""

NONE = r"(?:0+(?:\.0+)?%?(?![\w.])|null\b|none\b|nil\b|false\b|''|\"\"|\[\]|\{\}|(?=,|$))"
COUNTED = r"(?:errors?|fail(?:ed|ures?|ing|s)?|exceptions?|fehler|invalid|rejected|conflicts?)"
HARMLESS = re.compile(
    rf"\b{COUNTED}(?:[ _][a-z]{{1,20}}){{0,2}}['\"]?(?:[\s=.|]|:(?=[\s\d'\"\[{{]))[\s:=.|]{{0,12}}{NONE}"
    r"|\b(?:no|0|without|zero) (?:\w{1,20} )?(?:errors?|failures?|failed|failing|exceptions?|warnings?|conflicts?)\b"
    r"|\btime ?outs?['\"]?(?: of)?\W{1,4}\d"
    r"|[-/\\@](?:error|exception|fatal|fail(?:ed|ure)?|timeout|invalid|denied|refused|rejected|conflict)s?\b"
    r"|\b(?:error|exception|fail(?:ed|ure)?|timeout|invalid)s?(?=[-/\\@]\w|\.[a-z]{1,5}\b)",
    re.IGNORECASE,
)
"""What names no error: a count of zero, a limit of time, a part of a name."""

QUOTED = re.compile(r'"[^"\n]{1,80}"')
"""Words in quotation marks, which are somebody's or a name."""

REPORTING = re.compile(
    r"\b(?:error|exception|traceback|fail(?:ed|ure|s)?|fatal|panic(?:ked)?)\b|\b(?:Error|Exception)\b"
    r"|\b[1-9]\d* (?:\w{1,20} )?(?:errors|failures|exceptions)\b|\b(?:errors|failures)['\"]?: ?[1-9]",
    re.IGNORECASE,
)
"""Words that report an error in whatever place."""

OPENING = re.compile(
    r"(?:^|: |; |\. |\) )\W{0,3}(?:(?!(?:the|an?|any|all|these|some|no) )[\w./'-]{1,60} )?(?:invalid|unexpected|undefined|cannot|can't"
    r"|could not|couldn't|unable to|no such|permission denied|access denied|timed? ?out|forbidden|unauthorized)\b",
    re.IGNORECASE,
)
ENDING = re.compile(
    r"(?:\b(?:denied|refused|rejected|not found|timed? ?out|not allowed|forbidden|unauthorized|does not exist|doesn't exist|aborted"
    r"|core dumped|introuvable|nicht gefunden|nicht möglich|verweigert|не найдена?)|找不到|未找到|失败|失敗|見つかりません)"
    r"(?:[.,;:)\]'\"<]|\s?\W?$| \()"
    r"|\w not found in |^(?:the )?user (?:rejected|denied|declined)\b|\b(?:denied|refused) (?:to|for) ",
    re.IGNORECASE,
)
"""Words that report an error where a clause begins with them, or behind one word of it, and those with which it ends."""

FIELD = r"(?:^|[{,] ?)['\"]?"
IS, FILLED = r"['\"]?: ?['\"]?", r"(?!(?:0|null|none|nil|false)\b|['\",}\]]|$|\[\]|\{\})\S.{5}"
FLAG = re.compile(
    rf"{FIELD}(?:(?:is_?)?success(?:ful)?|succeeded|ok){IS}false\b|{FIELD}(?:is_?error|has_?errors?|failed|error){IS}true\b"
    rf"|{FIELD}(?:status|state|result|outcome|level|severity){IS}(?:error|fail(?:ed|ure)|rejected|fatal|critical)\b"
    rf"|{FIELD}(?:status|http)_?code{IS}[45]\d\d\b|{FIELD}(?:exit|return)_?code: -?[1-9]\d{{0,9}}, "
    rf"|{FIELD}(?:errors?|fehler|错误|错误信息|エラー){IS}{FILLED}|^(?:< )?HTTP(?:/\d(?:\.\d)?)? [45]\d\d\b",
    re.IGNORECASE,
)
"""Fields of a record that say that the call failed, and a server's answer that does."""

EMPTY = re.compile(
    r":$|^npm (?:ERR!|error) (?:path|command|workspace|location|syscall)\b|\[Help \d\]|\bre-?run\b|\bfor more (?:info|details|help)"
    r"|\b(?:complete|full) (?:log|stack)|\b(?:code|status|errno|Error|E) [\w.-]{1,24}$|returned a non-zero|^Traceback \(",
    re.IGNORECASE,
)
"""Reports that say nothing of what is wrong: one that announces others, that says where to read on, a bare number."""

SHORTEST_REPORT = 12
"""Characters; "Error:" alone says nothing."""

SHORT = frozenset({"Killed", "Aborted", "OOMKilled"})


def says_error(line: str) -> bool:
    """Whether a line reports an error.

    >>> says_error("a.c:41:7: error: too few arguments"), says_error("Failed 0, Passed 214"), says_error("mend the error of a list;")
    (True, False, False)
    """
    line = line.strip()
    if len(line) < SHORTEST_REPORT and line not in SHORT and not any(letter > "\u0250" for letter in line):
        return False
    if PASSES.match(line) or PASSED.search(line[-END:]):
        return False
    if COMPILED.match(line) or ROW.match(line):
        return not line.endswith(CODE_ENDS) and HARMLESS.match(line) is None
    if HELP.match(line) or CALM.match(line):
        return False
    loud = PLACED.match(line) or LOUD.search(line)
    if not loud and is_source(line):
        return False
    said = HARMLESS.sub("", line)
    if loud and (PLACED.match(said) or LOUD.search(said)):
        return True
    said = QUOTED.sub("", said)
    return not is_source(line) and any(form.search(said) for form in (REPORTING, OPENING, ENDING))


def is_source(line: str) -> bool:
    """Whether a line is source code, a search hit, or an entry of a list."""
    return SOURCE.search(line) is not None or line.endswith(CODE_ENDS)


def flags_error(line: str) -> bool:
    """Whether a line has a field that says that the call failed, with more than a number to say why.

    >>> flags_error("success: false, message: seat taken"), flags_error("error: null, rows: 3"), flags_error("fail_on_error: true")
    (True, False, False)
    """
    return FLAG.search(line) is not None
