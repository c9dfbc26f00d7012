"""What is worth keeping of a text: names, directives, decisions.

Everything here reads text line by line or with linear patterns, and gives the same answer in every process.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import chain

from token_guard.compaction import readable
from token_guard.compaction.clip import clipped
from token_guard.compaction.remembered import ends_of, remembered
from token_guard.compaction.shorten import TextCounter, fitting
from token_guard.conversation import Message, Part, Text, ToolCall, ToolResult
from token_guard.conversation.many import once_for_many
from token_guard.conversation.windows import windows

__all__ = [
    "decisions",
    "definitions",
    "directives",
    "gist",
    "names",
    "names_in",
    "names_of",
    "rarity",
    "sentences",
    "stem",
    "terms",
    "texts",
    "worthiest",
]

NAME = re.compile(r"(?<![<%A-Za-z0-9_])[A-Za-z0-9_.~/@#][A-Za-z0-9_./\-@#]{3,160}")
"""Runs that may be a path, an identifier, a number, a hash, an address; none begins behind a tag's or a placeholder's first sign."""

ESCAPED = re.compile(r"\\[nrt](?=[A-Z])")
"""The end of a line as it is written in source code, right before a word: its letter belongs to no name."""

RUN = re.compile(r"[A-Za-z0-9_./\-@#~]{4,}")
"""Whatever characters of names stand together: a name stands in a text where it stands in one of these."""

HIT = re.compile(r"(\.[A-Za-z]\w{0,5})-\d+$")
"""The line number that a search writes behind a path."""

ADDRESS = re.compile(r"\d{1,4}[a-z]?$")
"""A line number, or one with an editor's command."""

CLOCK = re.compile(r"\d{4}-\d\d-\d\dT\d\d$")
"""What is left of a time where its minutes begin: it names nothing."""

RULE = "_-./#@~"
"""Characters of which lines are drawn: such a line names nothing."""

SHORTEST_NAME = 4
"""Characters; shorter ones say nothing."""

TELLING = re.compile(r"[0-9_/.@#]|[a-z][A-Z]|[a-z]-[a-z]")
"""What sets a name apart from a word: a digit, an underscore, a slash, a dot, camel case, a hyphen inside."""

DEFINITION = re.compile(
    r"\b(?:def|class|func|function|fn|struct|interface|type|enum|trait|impl|const|let|var|module|package)\s+([A-Za-z_]\w{2,60})"
)

DIRECTIVE = re.compile(r"\b(?:must|never|always|only|do not|don't|shall|required?|make sure|ensure|prefer|avoid|json)\b", re.IGNORECASE)

DECISION = re.compile(
    r"\b(?:I'll|I will|the fix|the approach|decided to|decision|the solution|because|root cause|turns out|I found|confirmed"
    r"|the (?:problem|issue|cause|reason) (?:is|was)|conclusion|agreed|from now on|let's)\b",
    re.IGNORECASE,
)

SENTENCE_END = re.compile(r"(?<=[^\d\s][.!?])\s+|(?<=[。！？])|\n+")
"""The full stop after a number is that of a list."""

SENTENCE_CHARS = range(25, 401)
"""Decision and directive sentences outside this length are noise or whole paragraphs."""

DECISION_LINES = 40
"""Decisions stand at the head of an assistant message."""

WORD = re.compile(r"[a-z0-9]+|[^\x00-\x7f]")

SPACED = {code: " " for code in range(128) if not chr(code).isalnum()}
"""Turns ASCII text in lower case into words with spaces between them; three times as fast as the pattern."""

LONGEST_STEM = 5
"""Characters; shorter words have no ending to lose."""

ENDING = re.compile(r"(?:ing|ed|es|s|ly)$")

STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        """the a an of to in on for and or is are was were be been do does did what when where who which how why with has have
        had it its this that i you he she they we me my your his her their at by from as about would could will can not there
        than then so if after before during into over""",
    )
)


@remembered
def names(text: str) -> tuple[str, ...]:
    """The different paths, identifiers, numbers and the like, in order of their first occurrence.

    >>> names("see src/app.py: get_user failed with code 40412")
    ('src/app.py', 'get_user', '40412')
    """
    return names_in(text)


def names_in(text: str) -> tuple[str, ...]:
    """The same without a memory, for a line that is read once."""
    found = map(_name_in, dict.fromkeys(NAME.findall(_read(text))))
    return tuple(dict.fromkeys(filter(None, found)))


def names_of(message: Message) -> tuple[str, ...]:
    """The different names in a message: in its words, in what tools answered, in its calls; JSON is read part by part."""
    if len(message.parts) == 1 and isinstance(part := message.parts[0], Text):
        return names(part.text)
    return _names_of(message.parts)


@once_for_many
def _names_of(parts: tuple[Part, ...]) -> tuple[str, ...]:
    found = [names(text) for text in _texts(parts)]
    return found[0] if len(found) == 1 else tuple(dict.fromkeys(chain.from_iterable(found)))


def texts(message: Message) -> Iterator[str]:
    """What a message says: its words, what tools answered, the arguments of its calls."""
    return _texts(message.parts)


def _texts(parts: Iterable[Part]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, (Text, ToolResult)):
            yield part.text
        elif isinstance(part, ToolCall):
            yield part.arguments


def _read(text: str) -> str:
    """The text; of JSON its values."""
    said = "\n".join(readable.values(text)) if text[:1] in ("{", "[") else text
    return ESCAPED.sub(" ", said) if "\\" in said else said


@lru_cache(maxsize=50_000)
def _name_in(run: str) -> str:
    """The name that a run of characters is, or nothing; the same runs come again and again."""
    name = run.rstrip(".-/#@")
    if name[-1:].isdigit() and "-" in name:
        name = HIT.sub(r"\1", name)
    says = len(name) >= SHORTEST_NAME and TELLING.search(name) and name.strip(RULE)
    return name if says and not ADDRESS.match(name) and not CLOCK.match(name) else ""


MEMBER, DIGIT = re.compile(r"[A-Za-z_]\d{0,4}\.[A-Za-z_]"), re.compile(r"\d")

HAS_MEMBER, HAS_DIGIT, IS_SHORT = 2.0, 0.6, 0.5
"""How much likelier than others names of a shape are used again, rounded from a logistic regression on the names of recorded
sessions: a dot inside (a file, a member) speaks for a name; digits, and having few characters, speak against it."""

SHORT_CHARS = 5

AMOUNT = re.compile(r"[\d.,:-]{1,7}$")
"""A short number tells nothing in a list of names."""

SIZE_MATTERS = 0.6
"""A name's weight is divided by its tokens to this power: two short ones may be worth more than a long one."""

TOKEN_CHARS = 3.5
"""Characters of a name to a token, for the order alone: o200k takes 3.2 to 4.6 on recorded sessions; what is chosen is counted."""


def worthiest(weights: Mapping[str, float], room: int, counter: TextCounter, said: str = "") -> list[str]:
    """As many names as have `room` tokens that were not `said`, those first that weigh most for their size; what a longer one says is not
    said twice."""
    ranked = sorted((-weight * _shape(name), name) for name, weight in weights.items() if weight and not AMOUNT.match(name))
    return fitting(_unsaid((name for _, name in ranked), said), room, counter)


def _unsaid(names: Iterable[str], said: str) -> Iterator[str]:
    """Names that neither what was said nor any before them contains."""
    said = " ".join(dict.fromkeys(RUN.findall(said)))
    for name in names:
        if name not in said:
            yield name
            said += " " + name


@lru_cache(maxsize=50_000)
def _shape(name: str) -> float:
    """What the shape of a name says about its worth: how likely it is used again, for its size."""
    likely = HAS_MEMBER if "." in name and MEMBER.search(name) else 1.0
    likely *= HAS_DIGIT if DIGIT.search(name) else 1.0
    likely *= IS_SHORT if len(name) <= SHORT_CHARS else 1.0
    return float(likely / (1 + len(name) / TOKEN_CHARS) ** SIZE_MATTERS)


def definitions(text: str) -> Iterator[str]:
    r"""Names that a piece of code defines.

    >>> list(definitions("class Parser:\n    def parse_line(self): ..."))
    ['Parser', 'parse_line']
    """
    return (match.group(1) for match in DEFINITION.finditer(text))


def sentences(text: str) -> Iterator[str]:
    """Sentences and lines, without the white space around them."""
    found = (sentence for part in windows(ends_of(text)) for sentence in SENTENCE_END.split(part))
    return filter(None, map(str.strip, found))


def directives(text: str) -> list[str]:
    """Sentences that say what must, must not or may only be done.

    >>> directives("Hello there. You must never push to the main branch!")
    ['You must never push to the main branch!']
    """
    return [sentence for sentence in sentences(text) if len(sentence) in SENTENCE_CHARS and DIRECTIVE.search(sentence)]


def decisions(text: str) -> list[str]:
    """Sentences in which an assistant says what it decided and why.

    >>> decisions("The fix is to close the file in a finally block.")
    ['The fix is to close the file in a finally block.']
    """
    head = "\n".join(text.split("\n", DECISION_LINES)[:DECISION_LINES])
    return [sentence for sentence in sentences(head) if len(sentence) in SENTENCE_CHARS and DECISION.search(sentence)]


def gist(text: str, limit: int) -> str:
    """What says most of a text in about `limit` characters: its sentences with directives, decisions and names first, in their order.

    >>> gist("Thank you very much for that. Use the bucket eu-west-7 from now on. The weather is nice today.", 40)
    'Use the bucket eu-west-7 from now on.'
    """
    plain = " ".join(text.split())
    if len(plain) <= limit:
        return plain
    said = [" ".join(sentence.split()) for sentence in sentences(text)]
    weights = [3 * bool(DIRECTIVE.search(one) or DECISION.search(one)) + 2 * bool(names(one)) for one in said]
    chosen: set[int] = set()
    for place in sorted(range(len(said)), key=lambda place: (-weights[place], place)):
        if len(said[place]) <= limit:
            chosen.add(place)
            limit -= len(said[place]) + 1
    return " ".join(said[place] for place in sorted(chosen)) or clipped(plain, limit)


def terms(text: str) -> frozenset[str]:
    """The different words of a text for scoring: lower case, without endings and stop words; every non-ASCII character is one.

    >>> sorted(terms("Parsing the folders"))
    ['folder', 'pars']
    """
    lowered = ends_of(text).lower()
    words = lowered.translate(SPACED).split() if lowered.isascii() else WORD.findall(lowered)
    return frozenset(filter(None, map(stem, frozenset(words))))


def rarity(times: int, count: int) -> float:
    """What a word says of one of `count` texts, `times` of which have it: the inverse document frequency of BM25 (Robertson and Zaragoza,
    2009), squared, as it counts once for what asks and once for what answers.

    >>> [round(rarity(times, 100), 1) for times in (1, 10, 100)]
    [17.7, 5.1, 0.0]
    """
    return math.log(1 + (count - times + 0.5) / (times + 0.5)) ** 2


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """A word in lower case without its ending; nothing for a stop word.

    >>> stem("parsing"), stem("the")
    ('pars', '')
    """
    if word in STOP_WORDS:
        return ""
    return ENDING.sub("", word) if len(word) > LONGEST_STEM else word
