"""How providers say that a request does not fit their context window, and what they say that window is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

__all__ = ["MAX_CHARACTERS", "Overflow", "overflow_of", "telling"]

# Below is no chat model's window, above is none on the market: such a number is bytes, requests or money.
SMALLEST_WINDOW: Final = 1_000
LARGEST_WINDOW: Final = 10_000_000

# An error text longer than this quotes the request.
MAX_CHARACTERS: Final = 8_192


@dataclass(frozen=True, slots=True)
class Overflow:
    """A provider's refusal of a request that is too long, in tokens (None: not said): the window that it names, what it counted of
    the prompt, the reply that was asked for, and both together where it tells no more than that."""

    window: int | None = None
    prompt: int | None = None
    reply: int | None = None
    together: int | None = None

    @property
    def requested(self) -> int | None:
        """All that was to fit into the window, as far as it was said."""
        if self.together or self.prompt is None:
            return self.together
        return self.prompt + (self.reply or 0)

    @property
    def room(self) -> int | None:
        """What the prompt alone leaves of the window; None where that is not said, and where the prompt alone is too long.

        >>> Overflow(window=64_000, prompt=19_494, reply=50_000).room, Overflow(window=64_000, prompt=70_000, reply=9).room
        (44506, None)
        """
        if self.window is None or self.prompt is None or not self.reply or self.prompt >= self.window:
            return None
        return self.window - self.prompt


# Refusals that share words or shape with an overflow: a field that is too long (OpenAI's `user`), and budgets over time.
_OTHERS: Final = re.compile(
    r"string_above_max_length|string too long|rate[ _-]?limit|quota|tokens? per (?:minute|min|hour|day)|requests per"
    r"|too many requests|\b[rt]p[md]\b|billing|credit balance",
    re.IGNORECASE,
)

# W is the window, P the prompt as it was counted, O the reply that was asked for, T both together, or whichever it was.
_NUMBERS: Final = {
    name: rf"(?P<{key}>\d[\d,_]*)" for name, key in (("{W}", "window"), ("{P}", "prompt"), ("{O}", "reply"), ("{T}", "together"))
}

_PHRASES: Final = (
    # vLLM, also behind OpenAI-compatible servers
    r"maximum context length is {W} tokens.{0,20}you requested {O} output tokens and your prompt contains (?:at least )?{P}",
    r"tokens\W+ is too large: {O}.{0,30}maximum context length is {W} tokens and your request has {P} input tokens",
    r"passed {P} input (?:tokens|characters) and requested {O} output tokens.{0,60}context length is only {W}",
    r"prompt \(length {P}\) is longer than the maximum model length of {W}",
    # SGLang
    r"maximum context length of {W} tokens.{0,60}?total of {T} tokens: {P} tokens from the input.{0,40}? and {O} tokens for the completion",
    # OpenAI, Azure, DeepSeek, OpenRouter, older vLLM; functions and tools are counted apart there, so that the prompt is the rest
    r"maximum context length (?:is|of) {W} tokens?.{0,60}?requested (?:about )?{T} tokens \([^)]{0,120}?{O} in the (?:completion|output)\)",
    r"maximum context length (?:is|of) {W} tokens?.{0,60}?(?:requested (?:about |a total of )?{T}|resulted in {P}) tokens",
    r"maximum context (?:length|limit) (?:is|of) {W}",
    r"input tokens exceed the configured limit of {W} tokens(?:.{0,40}?resulted in {P} tokens)?",
    r"input tokens exceed the configured limit",
    r"input exceeds the context window",
    # Anthropic, and through Bedrock and Vertex
    r"prompt is too long:? {P} tokens > {W} maximum",
    r"exceed context limit:? {P} \+ {O} > {W}",
    r"exceed context limit",
    r"model_context_window_exceeded",
    # z.ai on its Anthropic route, code 1261
    r"prompt is too long",
    # Gemini
    r"token count(?: \({P}\))? exceeds the maximum number of tokens allowed \({W}\)",
    r"exceeds the maximum number of tokens allowed",
    # SGLang
    r"input \({P} tokens\) is longer than the model's context length \({W} tokens\)",
    r"is longer than the model's context length",
    # TGI
    r"`inputs` tokens \+ `max_new_tokens` must be <= {W}\W+given:? {P} `inputs` tokens(?: and {O} `max_new_tokens`)?",
    r"`inputs` tokens \+ `max_new_tokens` must be <= {W}",
    r"`inputs` must have less than {W} tokens(?:\W+given:? {P})?",
    # llama.cpp and Lemonade, whose older versions name the numbers in fields of the body
    r"request \({P} tokens\) exceeds the available context size \({W} tokens\)",
    r"exceeds the available context size.{0,400}?n_prompt_tokens\W{1,5}{P}.{0,400}?n_ctx\W{1,5}{W}",
    r"exceeds the available context size.{0,400}?n_ctx\W{1,5}{W}",
    r"exceeds the available context size",
    # Mistral
    r"prompt contains {P} tokens.{0,80}?too large for model with {W} maximum context length",
    r"too large for model with {W} maximum context length",
    # Cerebras
    r"current length is {T} while limit is {W}",
    # MiniMax, Moonshot
    r"exceeded model token limit:? {W}(?: \(requested:? {T})?",
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
    Overflow(window=200000, prompt=215000, reply=None, together=None)
    >>> overflow_of("input length and `max_tokens` exceed context limit: 19494 + 50000 > 64000").room
    44506
    >>> overflow_of("Your input exceeds the context window of this model.").window is None
    True
    >>> overflow_of("Rate limit reached: maximum context length is 30000 tokens per min") is None
    True
    """
    text = text[:MAX_CHARACTERS]
    if _OTHERS.search(text):
        return None
    match = next(filter(None, (pattern.search(text) for pattern in _PATTERNS)), None)
    return _read(match.groupdict()) if match else None


def telling(found: Iterable[Overflow | None]) -> Overflow | None:
    """Of what was read from several texts of one refusal, that which tells most; None where nothing was."""
    return max(
        (one for one in found if one), key=lambda one: (one.window is not None, one.prompt is not None, one.requested or 0), default=None
    )


def _read(groups: dict[str, str | None]) -> Overflow:
    window, prompt, reply, together = (_number(groups.get(name)) for name in ("window", "prompt", "reply", "together"))
    if window is not None and not SMALLEST_WINDOW <= window <= LARGEST_WINDOW:
        window = None
    if prompt is None and together and reply and reply < together:
        prompt = together - reply
    return Overflow(window, prompt, reply, together)


def _number(digits: str | None) -> int | None:
    return int(re.sub(r"\D", "", digits)) if digits else None
