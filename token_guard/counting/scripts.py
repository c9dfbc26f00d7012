"""How many bytes of which script a text holds, for tokenizers that know some scripts worse than the encoding that stands for them."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping
from typing import Final

__all__ = ["NAMES", "STARTS", "WEIGHTS", "extra_tokens"]

_BLOCKS: Final = (
    (0x0000, "latin"),
    (0x0100, "latin+"),
    (0x0250, "latin"),
    (0x0370, "greek"),
    (0x0400, "cyrillic+"),
    (0x0401, "cyrillic"),
    (0x0402, "cyrillic+"),
    (0x0410, "cyrillic"),
    (0x0450, "cyrillic+"),
    (0x0451, "cyrillic"),
    (0x0452, "cyrillic+"),
    (0x0530, "armenian"),
    (0x0590, "hebrew"),
    (0x0600, "arabic"),
    (0x0671, "arabic+"),
    (0x0700, "other"),
    (0x0750, "arabic+"),
    (0x0780, "other"),
    (0x0900, "devanagari"),
    (0x0980, "bengali"),
    (0x0A00, "gurmukhi"),
    (0x0A80, "gujarati"),
    (0x0B00, "other"),
    (0x0B80, "tamil"),
    (0x0C00, "telugu"),
    (0x0C80, "kannada"),
    (0x0D00, "malayalam"),
    (0x0D80, "other"),
    (0x0E00, "thai"),
    (0x0E80, "other"),
    (0x1000, "burmese"),
    (0x10A0, "georgian"),
    (0x1100, "hangul"),
    (0x1200, "other"),
    (0x1780, "khmer"),
    (0x1800, "other"),
    (0x1E00, "latin+"),
    (0x1F00, "greek"),
    (0x2000, "signs"),
    (0x2E80, "han"),
    (0x3040, "kana"),
    (0x3100, "han"),
    (0xA000, "other"),
    (0xAC00, "hangul"),
    (0xD7B0, "other"),
    (0xF900, "han"),
    (0xFB50, "arabic+"),
    (0xFE30, "han"),
    (0xFFF0, "other"),
    (0x1F000, "emoji"),
    (0x20000, "han"),
    (0x30000, "other"),
)
STARTS: Final = tuple(start for start, _ in _BLOCKS)
"""First code points of blocks, in order (Unicode's Blocks.txt, grouped by script)."""

NAMES: Final = tuple(name for _, name in _BLOCKS)
"""The script of each; with a plus, letters of smaller languages, whose words a vocabulary knows worse than the script's largest ones."""

_FAMILIES: Final = ("llama3", "llama2", "mistral-spm", "tekken", "deepseek", "qwen", "glm", "kimi", "claude", "claude-4.7", "gemini")
_ROWS: Mapping[str, tuple[float, ...]] = {
    "arabic": (-0.184, 0.38, 0.383, -0.011, 0.07, 0.071, -0.166, -0.124, 0.259, 0.203, 0.045),
    "arabic+": (0.31, 0.419, 0.358, 0.872, 0.403, 0.748, 0.31, -0.206, 0.335, 0.199, 0.115),
    "armenian": (-0.094, 0.397, 0.423, 0.014, 0.16, 0.403, 0.0, -0.69, 0.262, 0.184, 0.155),
    "bengali": (0.0, 0.38, 0.306, 0.05, 0.05, 0.294, 0.0, -0.224, 0.239, 0.187, -0.019),
    "burmese": (0.0, 0.409, 0.405, 0.029, 0.164, 0.378, 0.0, -0.41, 0.198, 0.141, 0.005),
    "cyrillic": (-0.048, 0.038, 0.069, 0.016, 0.062, 0.08, -0.067, -0.012, 0.104, 0.049, 0.034),
    "cyrillic+": (-0.114, 0.72, 0.781, 0.836, 0.888, 1.156, -0.006, -0.758, 0.903, 0.598, 0.481),
    "devanagari": (-0.172, 0.28, 0.275, 0.048, 0.12, 0.265, 0.0, -0.15, 0.186, 0.141, 0.006),
    "emoji": (0.0, 0.543, 0.474, 0.181, 0.012, 0.095, 0.0, 0.003, 0.313, 0.115, 0.066),
    "georgian": (0.0, 0.254, 0.25, 0.055, 0.162, 0.274, 0.0, -0.392, 0.163, 0.125, 0.059),
    "greek": (-0.3, 0.321, 0.356, 0.009, 0.066, 0.335, -0.264, -0.163, 0.21, 0.139, 0.041),
    "gurmukhi": (0.0, 0.725, 0.802, 0.095, 0.203, 0.5, 0.0, -0.282, 0.671, 0.626, 0.036),
    "han": (-0.056, 0.187, 0.081, 0.08, -0.012, 0.053, -0.076, -0.056, 0.174, 0.08, 0.0),
    "hangul": (-0.094, 0.514, 0.222, 0.008, 0.106, 0.069, -0.022, -0.012, 0.284, 0.205, 0.028),
    "hebrew": (0.0, 0.344, 0.371, 0.035, 0.063, 0.03, 0.0, -0.216, 0.213, 0.14, 0.087),
    "kana": (-0.1, 0.108, 0.088, 0.001, 0.005, 0.024, -0.094, -0.08, 0.087, 0.02, -0.047),
    "kannada": (0.0, 0.775, 0.377, 0.028, 0.141, 0.392, 0.0, -0.377, 0.536, 0.482, 0.016),
    "khmer": (0.0, 0.548, 0.171, 0.769, 0.236, 0.241, 0.0, -0.095, 0.211, 0.14, -0.004),
    "latin": (-0.004, 0.35, 0.541, 0.254, 0.507, 0.612, -0.023, 0.033, 0.746, 0.63, 0.35),
    "latin+": (-0.031, 0.637, 0.555, 0.062, 0.506, 0.528, -0.039, 0.193, 0.596, 0.541, 0.22),
    "malayalam": (0.0, 0.275, 0.672, 0.056, 0.181, 0.395, 0.0, -0.346, 0.315, 0.27, 0.003),
    "other": (0.0, 0.098, 0.0, 0.208, 0.005, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    "signs": (-0.025, -0.165, 0.045, 0.015, 0.16, 0.345, -0.055, 0.105, 0.11, 0.085, 0.175),
    "tamil": (0.0, 0.311, 0.297, 0.024, 0.078, 0.311, 0.0, -0.2, 0.213, 0.164, -0.011),
    "telugu": (0.0, 0.804, 0.481, 0.04, 0.155, 0.431, 0.0, -0.33, 0.216, 0.158, 0.0),
    "thai": (-0.147, 0.236, 0.232, 0.05, 0.04, 0.099, 0.0, -0.029, 0.236, 0.199, 0.017),
}
WEIGHTS: Mapping[str, Mapping[str, float]] = {
    family: {script: row[place] for script, row in _ROWS.items()} for place, family in enumerate(_FAMILIES)
}
"""By tokenizer family, tokens of a byte of each script beyond what the rest of the family's estimate covers: the 90th percentile over
pieces of Django's translations, counted by the family's own vocabulary (benchmarks/scripts.py writes this table)."""


def extra_tokens(text: str, weights: Mapping[str, float]) -> float:
    """Tokens that the bytes of a text that are not ASCII add, by a weight for each script.

    >>> extra_tokens("ab \u10d0\u10d1", {"georgian": 0.5})
    3.0
    """
    extra, other = 0.0, weights.get("other", 0.0)
    for char, times in Counter(text).items():
        if not char.isascii():
            script = NAMES[bisect_right(STARTS, ord(char)) - 1]
            extra += weights.get(script, other) * len(char.encode("utf-8", "surrogatepass")) * times
    return extra
