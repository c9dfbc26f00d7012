"""Every error that token_guard raises on purpose, where another one came from, and those of observers, which change nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from traceback import extract_tb

__all__ = [
    "CompressionError",
    "ConfigError",
    "ContextOverflowError",
    "InputTooLongError",
    "ModelNotSupportedError",
    "QueueFullError",
    "StoreUnavailableError",
    "TokenCountError",
    "TokenGuardError",
    "TooManyTasksError",
    "TryAgainError",
    "tell",
    "where",
]

logger = logging.getLogger("token_guard")


class TokenGuardError(Exception):
    """The base of all errors raised by token_guard."""


class ConfigError(TokenGuardError, ValueError):
    """A setting or a limit file is wrong; the message names the key and what is allowed. Where several settings are, `complaints` has a
    sentence on each."""

    complaints: tuple[str, ...] = ()


class StoreUnavailableError(TokenGuardError, RuntimeError):
    """The store does not answer at the moment; what it would have said is not known."""


class CompressionError(TokenGuardError):
    """The base of what goes wrong with counting for people: TokenCountError and ModelNotSupportedError."""


class TokenCountError(CompressionError, TypeError):
    """What was handed to a counter is not text or a list of messages, or cannot be read; the message is one line that says why."""


class TryAgainError(TokenCountError):
    """What could not be read just now, and may be a moment later: a server that is busy, a file that is being replaced."""


class QueueFullError(TokenGuardError):
    """A queue of jobs takes no more; the message says how many wait."""


class TooManyTasksError(QueueFullError):
    """One caller has as many tasks waiting or at work as one may have."""


class ModelNotSupportedError(CompressionError, ValueError):
    """A model name that cannot be one: empty, or not a string."""


SOURCES: Mapping[str, str] = {
    "argument": "the caller's own cap",
    "environment": "an environment variable",
    "config_file": "a limit file or setting",
    "deployment": "model_info",
    "learned": "an earlier refusal of its provider",
    "discovery": "its server",
    "litellm_map": "litellm's map of models",
    "inference": "its name",
    "default": "no source: assumed",
}
"""Where a context window comes from, in the words of a message, by the names of the sources of limits."""


class ContextOverflowError(TokenGuardError):
    """A request that cannot be made to fit: what must stay whole is larger than what is allowed.

    All numbers are tokens as the guard counts them, so that they add up: `window` - `reserved` - `margin` = `allowed`; `parts` splits
    `tokens`, what the request still counts, into `system`, `tools`, `last user` and `rest`. `tokens_before` is the request as it came.
    """

    def __init__(  # noqa: PLR0913 - the terms of one sum
        self,
        *,
        model: str,
        tokens: int,
        allowed: int,
        parts: Mapping[str, int],
        window: int | None = None,
        reserved: int = 0,
        margin: int = 0,
        limit_source: str = "",
        tokens_before: int | None = None,
    ) -> None:
        self.model = model
        self.tokens = tokens
        self.allowed = allowed
        self.parts = dict(parts)
        self.window = allowed if window is None else window
        self.reserved = reserved
        self.margin = margin
        self.limit_source = limit_source
        self.tokens_before = tokens if tokens_before is None else tokens_before
        super().__init__(f"{self._window()} {self._rest()}")

    @property
    def largest_part(self) -> str:
        """The part that counts most; empty where nothing was split."""
        return max(self.parts, key=self.parts.__getitem__, default="")

    def _window(self) -> str:
        """First, because clients read the window from these words."""
        source = SOURCES.get(self.limit_source, self.limit_source)
        origin = f" (from {source})" if source else ""
        return f"This model's maximum context length is {self.window:,} tokens{origin}."

    def _rest(self) -> str:
        kept = [f"{self.reserved:,} for the reply"] if self.reserved else []
        kept += [f"{self.margin:,} for what the count may be off"] if self.margin else []
        left = f"Less {' and '.join(kept)}, that leaves {self.allowed:,}" if kept else f"All {self.allowed:,} are"
        split = ", ".join(f"{name} {count:,}" for name, count in self.parts.items())
        return (
            f"{left} for the prompt of {self.model or 'this request'}; the parts that must stay whole count "
            f"{self.tokens:,} ({split}). Shorten the largest part, or use a model with a larger window."
        )


class InputTooLongError(ContextOverflowError):
    """One input of an embeddings request is longer than the model's window; `place` is its number, from 0."""

    def __init__(self, *, model: str, place: int, tokens: int, allowed: int, window: int | None = None, limit_source: str = "") -> None:
        super().__init__(model=model, tokens=tokens, allowed=allowed, parts={}, window=window, limit_source=limit_source)
        self.place = place
        self.args = (
            f"input[{place}] counts {tokens:,} tokens, {tokens - allowed:,} more than the {allowed:,} that {model or 'this model'} "
            "takes of one input. Split it, or let token_guard cut it with on_too_long: truncate.",
        )


def where(error: BaseException) -> str:
    """The class of an error and the line that raised it; never its message, which may quote the request."""
    frames = extract_tb(error.__traceback__)
    place = f" in {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"


def tell(observe: Callable[..., object], *what: object) -> None:
    """Tell an observer; one that fails is a warning, and what it was told of goes on.

    >>> tell({}.pop, "a")
    """
    try:
        observe(*what)
    except Exception as error:
        logger.warning("token_guard: an observer failed (%s); the request goes on", where(error))
