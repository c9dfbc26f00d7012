r"""What makes a line the report of an error: a severity in a severity's place, a count that is not zero, a phrase that says that something
went wrong, where a clause begins or ends with it.

Each table holds the forms of one kind, in the languages in which tools write. All are read in time linear to a line.
"""

from __future__ import annotations

import re

__all__ = ["COMPILED", "EMPTY", "ERROR_STEMS", "FLAG_STEMS", "flags_error", "is_source", "says_error"]

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

PLACE = r"(?:[^\s:(]{1,200}(?:\(\d+(?:,\d+)?\)|:\d+(?::\d+)?):?|\d+:\d+)"
"""Where in a file: `a.c:41:7:`, `a.cs(41,7):`, or `12:5` under the name of a file."""

COMPILED = re.compile(
    rf"{PLACE}\s{{1,8}}(?:- )?(?:fatal )?{SEVERITY}(?:\[\w{{1,40}}\]|\s\w{{1,40}})?(?::|\s)"
    rf"|[^\s:(]{{1,200}}:\d+:\d+: (?:undefined|cannot|invalid|missing|undeclared|unknown|could not|not enough|too many)\b"
    r"|(?-i:error|fatal)(?:\[\w{1,40}\])?: |npm (?:ERR!|error) ",
    re.IGNORECASE,
)
"""A compiler's message: of several, the first says what is wrong, the others follow from it."""

PLACED = re.compile(
    rf"\W{{0,8}}(?:[\w./-]{{1,40}}:? ){{0,2}}\[?{SEVERITY}(?:\[\w{{1,40}}\])?\]?\s?(?::|：|\s-\s)\s{{0,2}}\S"
    r"|<\w{0,20}error>\S|CONFLICT \(|Assertion failed|(?:[\w-]+: )?Segmentation fault|Killed$|Aborted\b",
    re.IGNORECASE,
)
"""A severity where a line has its severity, alone or behind the name of what speaks; a tool's own word in its place."""

ROW = re.compile(r"E {2,}(?:assert|[\w.]{1,80}:) |.*\b(?:[A-Z]\w{1,20}BackOff|OOMKilled)\b")
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

PASSING = re.compile(
    r"(?:\bok|\bpass(?:ed)?|✓|✔|√|\bsuccess(?:ful(?:ly)?)?|\bdone|\bclean|\bsolved|\bhealthy)\W*$|^\W*(?:ok\b|✓|✔|√|PASS(?:ED)?\b)",
    re.IGNORECASE,
)
"""What says of a line that nothing went wrong, whatever it is named after."""

HELP = re.compile(r"^\s*(?:-\w[\s,]|--[\w-]+|usage:|#+ |[*|] ?|\d{1,3}[.)] |[A-Z]\) |(?:[-•] )?\*\*|[\w.-]+\s{3,}\S)", re.IGNORECASE)
"""An option or an entry of a help text, a heading, a row of a table, a point of a list: it speaks of errors that may come."""

CALM = re.compile(
    r"[^A-Za-z]{0,40}(?:INFO|DEBUG|TRACE)\b(?! .*\b[45]\d\d\b)"
    r"|(?:\[[^\]]{1,80}\] |[*•-] )?(?:[Ff]ix(?:e[ds])?|[Rr]esolve[ds]?|[Hh]andle[ds]?|[Aa]dd(?:ed)?|[Ii]mprove[ds]?|[Aa]void(?:ed|s)?|[Pp]revent(?:ed|s)?)\b"
    r"|(?:Subject|Title|Betreff|Objet|Asunto|Re|Fwd): |[d-][rwx-]{9}"
)
"""How lines begin that speak of errors in peace: a level below a warning, what somebody mended, the head of a mail, a row of a listing."""

NONE = r"(?:0+(?:\.0+)?%?(?![\w.])|null\b|none\b|nil\b|false\b|''|\"\"|\[\]|\{\}|(?=,|$))"
HARMLESS = re.compile(
    r"\b(?:errors?|fail(?:ed|ures?|ing|s)?|exceptions?|fehler|invalid|rejected|conflicts?)(?:[ _][a-z]{1,20}){0,2}['\"]?(?:[\s=.|]|:(?=[\s\d'\"\[{]))"
    rf"[\s:=.|]{{0,12}}{NONE}"
    r"|\b(?:no|0|without|zero) (?:\w{1,20} )?(?:errors?|failures?|failed|failing|exceptions?|warnings?|conflicts?)\b"
    r"|\btime ?outs?['\"]?(?: of)?\W{1,4}\d"
    r"|[-/\\@](?:error|exception|fail(?:ed|ure)?|timeout|invalid|denied|refused|rejected|conflict)s?\b"
    r"|\b(?:error|exception|fail(?:ed|ure)?|timeout|invalid)s?(?=[-/\\@]\w|\.[a-z]{1,5}\b)",
    re.IGNORECASE,
)
"""What names no error: a count of zero, a limit of time, a part of a name."""

QUOTED = re.compile(r'"[^"\n]{1,80}"')

REPORTING = re.compile(
    r"\b(?:error|exception|traceback|fail(?:ed|ure|s)?|fatal|panic(?:ked)?)\b|\b(?:Error|Exception)\b"
    r"|\b[1-9]\d* (?:\w{1,20} )?(?:errors|failures|exceptions)\b|\b(?:errors|failures)['\"]?: ?[1-9]",
    re.IGNORECASE,
)
"""Words that report an error in whatever place."""

OPENING = re.compile(
    r"(?:^|: |; |\. |\) )\W{0,3}(?:(?!(?:the|an?|any|all|these|some|no) )[\w./'-]{1,60} )?(?:invalid|unexpected|undefined|cannot|can't|could not|couldn't|unable to|no such|permission denied|access denied"
    r"|timed? ?out|forbidden|unauthorized)\b",
    re.IGNORECASE,
)
ENDING = re.compile(
    r"(?:\b(?:denied|refused|rejected|not found|timed? ?out|not allowed|forbidden|unauthorized|does not exist|doesn't exist|aborted|core dumped"
    r"|introuvable|nicht gefunden|nicht möglich|verweigert|не найдена?)|找不到|未找到|失败|失敗|見つかりません)(?:[.,;:)\]'\"<]|\s?\W?$| \()"
    r"|\w not found in "
    r"|^(?:the )?user (?:rejected|denied|declined)\b|\b(?:denied|refused) (?:to|for) ",
    re.IGNORECASE,
)
"""Words that report an error where a clause begins with them, or behind one word of it, and those with which it ends."""

FLAG = re.compile(
    r"(?:^|[{,] ?)['\"]?(?:(?:is_?)?success(?:ful)?|succeeded|ok)['\"]?: ?false\b|(?:^|[{,] ?)['\"]?(?:is_?error|has_?errors?|failed|error)['\"]?: ?true\b"
    r"|(?:^|[{,] ?)['\"]?(?:status|state|result|outcome|level|severity)['\"]?: ?['\"]?(?:error|fail(?:ed|ure)|rejected|fatal|critical)\b"
    r"|(?:^|[{,] ?)['\"]?(?:status|http)_?code['\"]?: ?[45]\d\d\b|(?:^|[{,] ?)(?:exit|return)_?code: -?[1-9]\d{0,9}, "
    r"|(?:^|[{,] ?)['\"]?(?:errors?|fehler|错误|错误信息|エラー)['\"]?: ?(?!['\"]?(?:0\b|null\b|none\b|nil\b|false\b|,|\}|\]|$)|\[\]|\{\}|\"\"|'')\S.{5}"
    r"|^(?:< )?HTTP(?:/\d(?:\.\d)?)? [45]\d\d\b",
    re.IGNORECASE,
)
"""Fields of a record that say that the call failed, and a server's answer that does."""

EMPTY = re.compile(
    r":$|^npm (?:ERR!|error) (?:path|command|workspace|location|syscall)\b|\[Help \d\]|\bre-?run\b|\bfor more (?:info|details|help)|\b(?:complete|full) (?:log|stack)|\b(?:code|status|errno|Error|E) [\w.-]{1,24}$"
    r"|returned a non-zero|^Traceback \(",
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
    if PASSING.search(line):
        return False
    if COMPILED.match(line) or ROW.match(line):
        return True
    if HELP.match(line) or CALM.match(line):
        return False
    said = HARMLESS.sub("", line)
    if PLACED.match(said) or LOUD.search(said):
        return True
    if is_source(line):
        return False
    said = QUOTED.sub("", said)
    return any(form.search(said) for form in (REPORTING, OPENING, ENDING))


def is_source(line: str) -> bool:
    """Whether a line is source code, a search hit, or an entry of a list."""
    return SOURCE.search(line) is not None or line.endswith(CODE_ENDS)


def flags_error(line: str) -> bool:
    """Whether a line has a field that says that the call failed, with more than a number to say why.

    >>> flags_error("success: false, message: seat taken"), flags_error("error: null, rows: 3"), flags_error("fail_on_error: true")
    (True, False, False)
    """
    return FLAG.search(line) is not None
