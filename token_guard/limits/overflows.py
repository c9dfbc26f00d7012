"""How providers say that a request does not fit their context window, and what they say that window is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

__all__ = ["Overflow", "overflow_of"]

# Below is no chat model's window, above is none on the market: such a number is bytes, requests or money.
SMALLEST_WINDOW: Final = 1_000
LARGEST_WINDOW: Final = 10_000_000

# An error text longer than this quotes the request.
MAX_CHARACTERS: Final = 8_192


@dataclass(frozen=True, slots=True)
class Overflow:
    """A provider's refusal of a request that is too long: the window it names, and what it counted, in tokens (None: not said)."""

    window: int | None = None
    requested: int | None = None


# Refusals that share words or shape with an overflow: a field that is too long (OpenAI's `user`), and budgets over time.
_OTHERS: Final = re.compile(
    r"string_above_max_length|string too long|rate[ _-]?limit|quota|tokens? per (?:minute|min|hour|day)|requests per"
    r"|too many requests|\b[rt]p[md]\b|billing|credit balance",
    re.IGNORECASE,
)

# W is the window, R what was counted (the prompt, or all), O the requested reply where it is counted apart.
_NUMBERS: Final = {name: rf"(?P<{key}>\d[\d,_]*)" for name, key in (("{W}", "window"), ("{R}", "requested"), ("{O}", "output"))}

# The first row that matches decides, so the telling ones stand first.
_PHRASES: Final = (
    # vLLM, also behind OpenAI-compatible servers
    r"maximum context length is {W} tokens.{0,20}you requested {O} output tokens and your prompt contains at least {R}",
    r"passed {R} input (?:tokens|characters) and requested {O} output tokens.{0,60}context length is only {W}",
    r"prompt \(length {R}\) is longer than the maximum model length of {W}",
    # OpenAI, Azure, DeepSeek, OpenRouter, SGLang
    r"maximum context length (?:is|of) {W} tokens?.{0,60}?(?:requested (?:about |a total of )?|resulted in ){R} tokens",
    r"maximum context (?:length|limit) (?:is|of) {W}",
    r"input tokens exceed the configured limit of {W} tokens(?:.{0,40}?resulted in {R} tokens)?",
    r"input tokens exceed the configured limit",
    r"input exceeds the context window",
    # Anthropic, and through Bedrock and Vertex
    r"prompt is too long:? {R} tokens > {W} maximum",
    r"exceed context limit:? {R} \+ {O} > {W}",
    r"exceed context limit",
    r"model_context_window_exceeded",
    # z.ai on its Anthropic route, code 1261
    r"prompt is too long",
    # Gemini
    r"token count(?: \({R}\))? exceeds the maximum number of tokens allowed \({W}\)",
    r"exceeds the maximum number of tokens allowed",
    # SGLang
    r"input \({R} tokens\) is longer than the model's context length \({W} tokens\)",
    r"is longer than the model's context length",
    # TGI
    r"`inputs` tokens \+ `max_new_tokens` must be <= {W}\W+given:? {R} `inputs` tokens(?: and {O} `max_new_tokens`)?",
    r"`inputs` tokens \+ `max_new_tokens` must be <= {W}",
    r"`inputs` must have less than {W} tokens(?:\W+given:? {R})?",
    # llama.cpp and Lemonade, whose older versions name the numbers in fields of the body
    r"request \({R} tokens\) exceeds the available context size \({W} tokens\)",
    r"exceeds the available context size.*?n_prompt_tokens\W{1,5}{R}.*?n_ctx\W{1,5}{W}",
    r"exceeds the available context size.*?n_ctx\W{1,5}{W}",
    r"exceeds the available context size",
    # Mistral
    r"prompt contains {R} tokens.{0,80}?too large for model with {W} maximum context length",
    r"too large for model with {W} maximum context length",
    # Cerebras
    r"current length is {R} while limit is {W}",
    # MiniMax, Moonshot
    r"exceeded model token limit:? {W}(?: \(requested:? {R})?",
    r"context window exceeds limit(?: ?\({W}\))?",
    # Perplexity, Bedrock
    r"length of all messages is too long",
    r"too many input tokens",
    r"input is too long",
    # servers that litellm knows
    r"maximum input length is {W} tokens",
    # gateways, which count bytes: fewer tokens are fewer bytes
    r"request_too_large",
    # the error code beside any other words
    r"context_length_exceeded",
)


def _compiled(phrase: str) -> re.Pattern[str]:
    for name, number in _NUMBERS.items():
        phrase = phrase.replace(name, number)
    return re.compile(phrase, re.IGNORECASE | re.DOTALL)


_PATTERNS: Final = tuple(map(_compiled, _PHRASES))


def overflow_of(text: str) -> Overflow | None:
    """What an error text says about the context window; None when it is about something else.

    >>> overflow_of("prompt is too long: 215000 tokens > 200000 maximum")
    Overflow(window=200000, requested=215000)
    >>> overflow_of("Your input exceeds the context window of this model.")
    Overflow(window=None, requested=None)
    >>> overflow_of("Rate limit reached: maximum context length is 30000 tokens per min") is None
    True
    """
    text = text[:MAX_CHARACTERS]
    if _OTHERS.search(text):
        return None
    match = next(filter(None, (pattern.search(text) for pattern in _PATTERNS)), None)
    return _read(match.groupdict()) if match else None


def _read(groups: dict[str, str | None]) -> Overflow:
    window, requested, output = (_number(groups.get(name)) for name in ("window", "requested", "output"))
    if window is not None and not SMALLEST_WINDOW <= window <= LARGEST_WINDOW:
        window = None
    return Overflow(window, requested + (output or 0) if requested else None)


def _number(digits: str | None) -> int | None:
    return int(re.sub(r"\D", "", digits)) if digits else None
