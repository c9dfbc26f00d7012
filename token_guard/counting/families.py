"""Which tokenizer a model name means, and how far the encoding that stands for it is from the truth."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from token_guard.counting.calibration import SLOPES
from token_guard.counting.names import CLAUDE_4_7, CLAUDE_TO_4_6, lookup
from token_guard.counting.scripts import WEIGHTS, extra_tokens
from token_guard.counting.vocabularies import counter_of, is_installed

__all__ = ["FAMILIES", "MODELS", "UNKNOWN", "Bytes", "Family", "Frames", "family_of"]


_CLASSES = (b"0123456789", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"!\"#$%&'()*+,-./:;<=>?@[]^_`{|}~", b"\n", b"\\")
"""Bytes that a family may weigh apart, in the order of `Bytes`."""

_ASCII = bytes(range(128))


class Bytes(NamedTuple):
    """Tokens that a byte of a class adds to what the factor gives: a tokenizer takes digits one by one where the encoding takes three,
    keeps signs, line breaks and backslashes apart where it joins them, marks capitals."""

    digits: float = 0.0
    capitals: float = 0.0
    signs: float = 0.0
    breaks: float = 0.0
    escapes: float = 0.0


@dataclass(frozen=True, slots=True)
class Frames:
    """Tokens that a model is shown around calls and reasoning."""

    call: int = 20
    """Around a tool call and its result: frames, and the call's id where the model is shown it."""
    parameter: int = 0
    """Around each parameter of a call; 0 where arguments are shown as the JSON that they are, and not as names and values."""
    reasoning: int = 0
    """Around a block of reasoning that is sent again."""


_PLAIN, _JSON = Bytes(), Frames()


@dataclass(frozen=True, slots=True)
class Family:
    """A tokenizer: an encoding that is at hand, and what turns its count into an estimate of the true one.

    estimate = factor x count + weights of the bytes of some classes + per_high_byte x non-ASCII bytes, rounded up; where there is a
    table for the family (scripts.py), a weight for the bytes of each script takes the place of `per_high_byte`. `safe_factor` x
    estimate covers 99 % of texts. Neutral values where the encoding is the model's own.
    """

    name: str
    encoding: str = "o200k_base"
    factor: float = 1.0
    safe_factor: float = 1.0
    per_byte: Bytes = _PLAIN
    per_high_byte: float = 0.0
    frames: Frames = _JSON
    own: str = ""
    """What `vocabularies` calls the model's own vocabulary, where a package ships it."""

    @property
    def exact(self) -> bool:
        """Whether counts of texts are the model's own."""
        return self.factor == 1.0 and not any(self.per_byte) and not self.per_high_byte and not self._weights

    @property
    def _weights(self) -> Mapping[str, float] | None:
        return WEIGHTS.get(self.name)

    def estimate(self, count: int, text: str) -> int:
        """The model's own count, as far as the encoding's count of the same text tells it."""
        plain = self.factor == 1.0 and not any(self.per_byte)
        if self.exact or (plain and text.isascii()):
            return count
        raw = text.encode()
        known = self.factor * count + self._for_bytes(raw) + self._for_scripts(raw, text)
        # neither scripts nor classes add more than a token a byte: vocabularies have a token for every byte
        return max(0, math.ceil(min(known, max(self.factor * count, self.tokens_per_byte * len(raw)))))

    def _for_bytes(self, raw: bytes) -> float:
        weighed = zip(self.per_byte, _CLASSES, strict=True)
        return sum(weight * (len(raw) - len(raw.translate(None, kind))) for weight, kind in weighed if weight)

    def _for_scripts(self, raw: bytes, text: str) -> float:
        if len(text) == len(raw):
            return 0.0
        weights = self._weights
        if weights is not None:
            return extra_tokens(text, weights)
        return self.per_high_byte * len(raw.translate(None, _ASCII)) if self.per_high_byte else 0.0

    @property
    def by_its_own(self) -> Family | None:
        """The same with the model's own vocabulary in the place of an encoding; None where no installed package ships it."""
        if not self.own or not is_installed(self.own) or counter_of(self.own) is None:
            return None
        frames = OWN_FRAMES.get(self.name, self.frames)
        return Family(f"{self.name} by its own", self.own, safe_factor=OWN_MARGIN, frames=frames)

    @property
    def slopes(self) -> tuple[float, float]:
        """Least and most of the true counts of long prompts, as a share of the estimates: whole sessions and files of the corpus are off
        by a tenth at most, and ordinary texts by the safe factor; a name that is only guessed at may be any tokenizer."""
        return SLOPES if self.name in GUESSED or self is UNKNOWN else (LEAST_SLOPE, 1.1 * self.safe_factor)

    @property
    def tokens_per_byte(self) -> float:
        """The most that one UTF-8 byte can add to the estimate."""
        return max(1.0, self.factor)


OPENAI_CALL = 6
"""Least squares over 434 prompts of gpt-4.1 with usage: 4.9."""

DEEPSEEK_CALL = 35
"""What fits 2,748 prompts of deepseek-chat best beside the factor of its own tokenizer."""

CLAUDE_FRAMES = Frames(38, 13, 13)
"""2,900 recorded prompts of Claude Opus and Sonnet 4.5, texts counted by ctok: a call with its result adds 49 to its name, its
parameters' names and values, and 13 for each of those; a block of thinking 14. Frames of messages and parts are in that."""

OWN_FRAMES = {"claude-4.7": Frames(50, 17, 17)}
"""The vocabulary of 4.7 takes 1.3 times as many tokens for words such as those of a frame; nothing recorded. Errs up."""

OWN_MARGIN = 1.03
"""Counts by a model's own vocabulary leave the frames in doubt, not the texts."""

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
        Family("o200k_base", frames=Frames(OPENAI_CALL)),
        Family("cl100k_base", "cl100k_base", frames=Frames(OPENAI_CALL)),
        Family("p50k_base", "p50k_base"),
        # true / o200k over 19 MB of 14 kinds of text with the families' own tokenizers
        Family("claude-2", factor=1.107, safe_factor=1.17, per_byte=Bytes(-0.12), per_high_byte=0.115),
        # medians over texts of the corpus counted by ctok; of digits alone both take one token for three, as o200k does
        Family("claude", "o200k_base", 1.04, 1.26, Bytes(0.0, 0.05, 0.105, 0.92, 0.925), 0.0, CLAUDE_FRAMES, "claude-3"),
        Family("claude-4.7", "o200k_base", 1.37, 1.30, Bytes(-0.12, 0.38, 0.1, 0.76, 0.99), 0.0, CLAUDE_FRAMES, "claude-4.7"),
        # the same counted by the vocabulary of Gemma 3, in which every digit is a token of its own
        Family("gemini", "o200k_base", 0.985, 1.26, Bytes(0.55, 0.0, 0.09, 1.0, 0.62), own="gemma-3"),
        Family("llama2", factor=1.32, safe_factor=1.24),
        # the vocabulary begins with cl100k's: no text of the corpus counts more
        Family("llama3", "cl100k_base", safe_factor=1.04),
        Family("llama4", factor=1.00, safe_factor=1.05),
        Family("kimi", "cl100k_base", safe_factor=1.14),
        Family("glm", "cl100k_base", safe_factor=1.10),
        Family("deepseek", factor=1.05, safe_factor=1.14, frames=Frames(DEEPSEEK_CALL)),
        Family("qwen", factor=0.98, safe_factor=1.27, per_byte=Bytes(0.55), per_high_byte=0.018),
        Family("tekken", factor=1.06, safe_factor=1.22, per_byte=Bytes(0.44), per_high_byte=0.015),
        Family("mistral-spm", factor=1.26, safe_factor=1.22, per_byte=Bytes(0.25), per_high_byte=0.062),
        Family("unmeasured", factor=1.10, safe_factor=1.27),
    )
}

_NAMES = {
    "o200k_base": """gpt-4o gpt-4.1 gpt-4.5 gpt-5 gpt-oss gpt-audio gpt-realtime chatgpt codex computer-use o1 o3 o4
        ft:gpt-4o ft:gpt-4.1 phi-4-mini phi4-mini phi-4-multimodal""",
    "cl100k_base": """gpt-4 gpt-3.5 gpt-35 ft:gpt-4 ft:gpt-3.5 text-embedding-3 text-embedding-ada-002 davinci-002 babbage-002
        phi-4 phi4 olmo""",
    "p50k_base": "text-davinci-002 text-davinci-003 code-davinci code-cushman",
    "claude-2": "claude-1 claude-2 claude-v1 claude-v2 claude-instant",
    "claude": " ".join(CLAUDE_TO_4_6),
    # a new name is of the newest kind, which takes the most tokens
    "claude-4.7": " ".join(("claude", *CLAUDE_4_7)),
    "gemini": "gemini gemma learnlm medgemma codegemma shieldgemma paligemma txgemma",
    "llama2": "llama2 llama-2 meta-llama-2 codellama code-llama vicuna tinyllama phi-3 phi3",
    "llama3": "llama3 llama-3 llama meta-llama hermes nous-hermes tulu-3 smollm3 deepseek-r1-distill-llama deepseek-r1:70b",
    "llama4": "llama4 llama-4 meta-llama-4",
    "kimi": "kimi moonshot",
    "glm": "glm chatglm",
    "deepseek": "deepseek",
    "qwen": """qwen qwq qvq codeqwen baichuan-m2 deepseek-r1-distill-qwen deepseek-r1:1.5b deepseek-r1:7b deepseek-r1:8b deepseek-r1:14b
        deepseek-r1:32b""",
    "tekken": """mistral open-mistral-nemo mistral-nemo mistral-small mistral-medium mistral-large pixtral ministral codestral magistral
        devstral voxtral""",
    "mistral-spm": """mistral-7b mistral:7b open-mistral-7b mistral-tiny mistral-large-2402 mistral-small-2402 mixtral open-mixtral
        mathstral zephyr openhermes hermes-2-pro-mistral nous-hermes-2-mistral nous-hermes-2-mixtral dolphin-mixtral dolphin-mistral""",
    "unmeasured": """grok command c4ai cohere jamba ai21 nova amazon.nova titan granite yi- yi: ernie minimax hunyuan doubao dbrx falcon
        sonar""",
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
