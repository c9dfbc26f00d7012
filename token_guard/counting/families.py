"""Which tokenizer a model name means, and how far the encoding that stands for it is from the truth."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass

from token_guard.counting.calibration import SLOPES
from token_guard.counting.names import lookup
from token_guard.counting.scripts import WEIGHTS, extra_tokens

__all__ = ["FAMILIES", "MODELS", "UNKNOWN", "Family", "family_of"]


_DIGITS = b"0123456789"
_ASCII = bytes(range(128))


@dataclass(frozen=True, slots=True)
class Family:
    """A tokenizer: an encoding that is at hand, and what turns its count into an estimate of the true one.

    estimate = factor x count + per_digit x digits + per_high_byte x non-ASCII bytes, rounded up; where there is a table for the
    family (scripts.py), a weight for the bytes of each script takes the place of `per_high_byte`. `safe_factor` x estimate covers 99 %
    of texts. Neutral values where the encoding is the model's own.
    """

    name: str
    encoding: str = "o200k_base"
    factor: float = 1.0
    safe_factor: float = 1.0
    per_digit: float = 0.0
    per_high_byte: float = 0.0
    per_call: int = 20
    """Tokens that a tool call and its result add to their texts: frames, and the call's id where the model is shown it."""

    @property
    def exact(self) -> bool:
        """Whether counts are the model's own."""
        return self.factor == 1.0 and not self.per_digit and not self.per_high_byte and not self._weights

    @property
    def _weights(self) -> Mapping[str, float] | None:
        return WEIGHTS.get(self.name)

    def estimate(self, count: int, text: str) -> int:
        """The model's own count, as far as the encoding's count of the same text tells it."""
        if self.exact or (self.factor == 1.0 and not self.per_digit and text.isascii()):
            return count
        raw = text.encode()
        digits = len(raw) - len(raw.translate(None, _DIGITS)) if self.per_digit else 0
        known = self.factor * count + self.per_digit * digits
        # a script adds no more than a token a byte: vocabularies have a token for every byte
        return max(0, math.ceil(min(known + self._for_scripts(raw, text), max(known, len(raw)))))

    def _for_scripts(self, raw: bytes, text: str) -> float:
        if len(text) == len(raw):
            return 0.0
        weights = self._weights
        if weights is not None:
            return extra_tokens(text, weights)
        return self.per_high_byte * len(raw.translate(None, _ASCII)) if self.per_high_byte else 0.0

    @property
    def slopes(self) -> tuple[float, float]:
        """Least and most of the true counts of long prompts, as a share of the estimates: whole sessions and files of the corpus are off
        by a tenth at most, and ordinary texts by the safe factor; a name that is only guessed at may be any tokenizer."""
        return SLOPES if self.name in GUESSED or self is UNKNOWN else (LEAST_SLOPE, 1.1 * self.safe_factor)

    @property
    def tokens_per_byte(self) -> float:
        """The most that one UTF-8 byte can add to the estimate (a byte is a digit or not ASCII, never both)."""
        return max(1.0, self.factor + max(self.per_digit, 0.0))


OPENAI_CALL = 6
"""Least squares over 434 prompts of gpt-4.1 with usage: 4.9."""

DEEPSEEK_CALL = 35
"""What fits 2,748 prompts of deepseek-chat best beside the factor of its own tokenizer."""

CLAUDE_CALL = 70
"""What fits 1,900 prompts of Claude Opus and Sonnet 4.5 and 4.6 best beside the factor of 1.2 (apart from it, 80 to 120): a call and
its result are shown with names, parameters and the call's id twice."""

GUESSED = ("unmeasured",)
"""Families of names whose tokenizer nobody has measured."""

LEAST_SLOPE = 0.85
"""Estimates of measured families are at most so much too high over a whole session: 0.88 on a corpus of six kinds of text."""

UNKNOWN = Family("o200k_base", safe_factor=1.15)
"""A name that no table knows counts as plain o200k, a number that an operator can check; its margin covers the usual
open-weight tokenizers on English and code."""

FAMILIES: Mapping[str, Family] = {
    family.name: family
    for family in (
        Family("o200k_base", per_call=OPENAI_CALL),
        Family("cl100k_base", "cl100k_base", per_call=OPENAI_CALL),
        Family("p50k_base", "p50k_base"),
        # true / o200k over 19 MB of 14 kinds of text with the families' own tokenizers; Claude, Gemini from recorded usage
        Family("claude-2", factor=1.107, safe_factor=1.17, per_digit=-0.12, per_high_byte=0.115),
        # ctok's reconstruction of both vocabularies, 458 texts; free fits weigh digits less, and fail on texts of digits alone
        Family("claude", factor=1.20, safe_factor=1.23, per_digit=-0.1, per_high_byte=0.05, per_call=CLAUDE_CALL),
        Family("claude-4.7", factor=1.56, safe_factor=1.3, per_digit=-0.2, per_high_byte=-0.04, per_call=CLAUDE_CALL),
        # every digit is a token of its own: the vocabulary of Gemma 3, on 600 texts
        Family("gemini", factor=1.077, safe_factor=1.27, per_digit=0.527, per_high_byte=-0.12),
        Family("llama2", factor=1.32, safe_factor=1.22),
        Family("llama3", factor=1.00, safe_factor=1.06),
        Family("llama4", factor=1.00, safe_factor=1.05),
        Family("kimi", factor=1.00, safe_factor=1.05),
        Family("glm", factor=1.02, safe_factor=1.13),
        Family("deepseek", factor=1.05, safe_factor=1.14, per_call=DEEPSEEK_CALL),
        Family("qwen", factor=0.98, safe_factor=1.27, per_digit=0.55, per_high_byte=0.018),
        Family("tekken", factor=1.06, safe_factor=1.22, per_digit=0.44, per_high_byte=0.015),
        Family("mistral-spm", factor=1.26, safe_factor=1.22, per_digit=0.25, per_high_byte=0.062),
        Family("unmeasured", factor=1.10, safe_factor=1.27),
    )
}

_NAMES = {
    "o200k_base": """gpt-4o gpt-4.1 gpt-4.5 gpt-5 gpt-oss gpt-audio gpt-realtime chatgpt codex computer-use o1 o3 o4
        ft:gpt-4o ft:gpt-4.1""",
    "cl100k_base": """gpt-4 gpt-3.5 gpt-35 ft:gpt-4 ft:gpt-3.5 text-embedding-3 text-embedding-ada-002 davinci-002 babbage-002
        phi-4 phi4""",
    "p50k_base": "text-davinci-002 text-davinci-003 code-davinci code-cushman",
    "claude-2": "claude-1 claude-2 claude-v2 claude-instant anthropic.claude-v2 anthropic.claude-instant",
    "claude": "claude anthropic.claude",
    "claude-4.7": """claude-opus-4-7 claude-opus-4-8 claude-opus-4-9 claude-opus-4.7 claude-opus-4.8 claude-opus-4.9 claude-opus-5
        claude-sonnet-5 claude-haiku-5 anthropic.claude-opus-4-7 anthropic.claude-opus-4-8 anthropic.claude-opus-5
        anthropic.claude-sonnet-5 anthropic.claude-haiku-5""",
    "gemini": "gemini gemma learnlm",
    "llama2": "llama2 llama-2 meta-llama-2 meta.llama2 codellama code-llama vicuna tinyllama",
    "llama3": "llama3 llama-3 llama meta-llama-3 meta-llama meta.llama3 hermes nous-hermes",
    "llama4": "llama4 llama-4 meta-llama-4 meta.llama4",
    "kimi": "kimi moonshot",
    "glm": "glm chatglm",
    "deepseek": "deepseek",
    "qwen": "qwen qwq qvq codeqwen",
    "tekken": """mistral open-mistral-nemo mistral-nemo mistral-small mistral-medium mistral-large pixtral ministral codestral magistral
        devstral voxtral""",
    "mistral-spm": "mistral-7b open-mistral-7b mistral-tiny mistral-large-2402 mistral.mistral-7b mistral.mixtral mixtral open-mixtral",
    "unmeasured": """grok command c4ai cohere jamba ai21 amazon.nova nova amazon.titan granite yi- ernie minimax hunyuan doubao dbrx
        falcon sonar""",
}

MODELS: Mapping[str, str] = {name: family for family, names in _NAMES.items() for name in names.split()}
"""Beginnings of model names; the longest that fits decides."""


@functools.lru_cache(maxsize=4_096)
def family_of(model: str) -> Family:
    """The tokenizer family of a model name; UNKNOWN when no table knows it.

    >>> family_of("openrouter/openai/gpt-4o").name, family_of("bedrock/eu.anthropic.claude-opus-4-1").name
    ('o200k_base', 'claude')
    """
    found = lookup(model, MODELS)
    return FAMILIES[found] if found else UNKNOWN
