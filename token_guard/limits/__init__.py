"""Context windows: a chain of sources, the first that knows a model decides, and every limit names its source.

A source is one file: a frozen dataclass with a `name` and `__call__(model, deployment)`. A further one is added by its file and its
place in `LimitChain.sources`.
"""

from __future__ import annotations

import functools
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from token_guard.budget import ContextLimit
from token_guard.errors import ConfigError
from token_guard.limits.config_file import ConfigFile, LimitFiles, read_models, usual_places
from token_guard.limits.default import Default
from token_guard.limits.deployment import Claims, ModelInfo, claims_of
from token_guard.limits.environment import VARIABLE_PREFIX, Environment
from token_guard.limits.inference import Inference
from token_guard.limits.litellm_map import LitellmMap
from token_guard.limits.source import Answer, Deployment, Source
from token_guard.limits.tokens import ALLOWED_TOKENS, read_tokens

__all__ = ["Answer", "Deployment", "LimitChain", "Source", "resolve"]

_LOG: Final = logging.getLogger("token_guard")

# Window of a model that nobody knows: the smallest that a current chat model has.
_DEFAULT_WINDOW: Final = 8_192
# How long an answer is used before its sources are asked again, and how often limit files are looked at: soon enough for someone
# who edits a file and tries, and rare beside requests.
_TTL_SECONDS: Final = 5.0
# Clients choose model names where a proxy has wildcards, so what is remembered by name is bounded: in entries and in their length.
_MAX_ENTRIES: Final = 4_096
_MAX_NAME_LENGTH: Final = 512
# The variables that change what `resolve` answers.
_VARIABLES: Final = (VARIABLE_PREFIX, "XDG_CONFIG_HOME", "HOME", "USERPROFILE")

_Key = tuple[str, str, str, str, Claims]


class LimitChain:
    """The sources in their order, with a cache in front; safe to share between threads.

    >>> LimitChain(models={"gpt-4o": 64_000}, environ={}).resolve("openai/gpt-4o")
    ContextLimit(max_input_tokens=64000, max_output_tokens=16384, source='config_file', separate_output=False)
    """

    def __init__(
        self,
        *,
        files: Sequence[str] = (),
        models: Mapping[str, Any] | None = None,
        default: int = _DEFAULT_WINDOW,
        environ: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read the environment and the limit files; ConfigError in one line when something in them is wrong."""
        environ = os.environ if environ is None else environ
        window = read_tokens(default)
        if window is None:
            raise ConfigError(f"limits.default: {default!r} is no number of tokens; allowed: {ALLOWED_TOKENS}")
        places = LimitFiles([Path.cwd() / file for file in files], usual_places(environ, Path.cwd()), clock, _TTL_SECONDS)
        known = (LitellmMap(), Inference())
        self.sources: tuple[Source, ...] = (
            Environment.read(environ),
            ConfigFile(read_models(models or {}), places),
            ModelInfo(known),
            *known,
            Default(window),
        )
        self._clock = clock
        self._lock = threading.Lock()
        self._answers: dict[_Key, tuple[float, ContextLimit]] = {}
        self._warned: set[str] = set()

    def resolve(self, model: str, deployment: Deployment | None = None) -> ContextLimit:
        """The limit of a model at a deployment, from the first source that knows it; never raises."""
        key = _key(model, deployment)
        now = self._clock()
        kept = self._answers.get(key)
        if kept and now < kept[0]:
            return kept[1]
        limit = self._ask(key[0], deployment)
        self._keep(key, now + _TTL_SECONDS, limit)
        return limit

    def explain(self, model: str, deployment: Deployment | None = None) -> tuple[Answer, ...]:
        """What every source says about a model, in their order, and where each has it from."""
        model = model[:_MAX_NAME_LENGTH]
        return tuple(Answer(source.name, source(model, deployment), source.why(model, deployment)) for source in self.sources)

    def _ask(self, model: str, deployment: Deployment | None) -> ContextLimit:
        answers = [limit for source in self.sources if (limit := source(model, deployment))]
        return _with_output(answers[0], answers[1:])

    def _keep(self, key: _Key, until: float, limit: ContextLimit) -> None:
        with self._lock:
            if len(self._answers) >= _MAX_ENTRIES:
                self._answers.clear()
            self._answers[key] = (until, limit)
            first = limit.source == self.sources[-1].name and key[0] not in self._warned and len(self._warned) < _MAX_ENTRIES
            if first:
                self._warned.add(key[0])
        if first:
            _warn(key[0], limit)


def _key(model: str, deployment: Deployment | None) -> _Key:
    if deployment is None:
        return model[:_MAX_NAME_LENGTH], "", "", "", _NO_CLAIMS
    return model[:_MAX_NAME_LENGTH], deployment.id, deployment.group, deployment.api_base, claims_of(deployment.model_info)


_NO_CLAIMS: Final = Claims()


def _with_output(limit: ContextLimit, others: Sequence[ContextLimit]) -> ContextLimit:
    """A limit whose source gave the window alone, with the reply length of the next source that knows one and that fits into it."""
    if limit.max_output_tokens is not None:
        return limit
    output = next((other.max_output_tokens for other in others if other.max_output_tokens), None)
    return replace(limit, max_output_tokens=output) if output and output < limit.max_input_tokens else limit


def _warn(model: str, limit: ContextLimit) -> None:
    variable = VARIABLE_PREFIX + re.sub(r"[^A-Z0-9]+", "_", model.upper()).strip("_")
    _LOG.warning(
        "no source knows the context window of %r, so %s tokens are assumed; set %s=<tokens>, or model_info.max_input_tokens of the "
        "deployment, or an entry in a limit file such as model_limits.json",
        model,
        f"{limit.max_input_tokens:,}",
        variable,
    )


def resolve(model: str, deployment: Deployment | None = None) -> ContextLimit:
    """The limit of a model by the environment of this process and the limit files in their usual places.

    >>> resolve("gpt-4o").max_input_tokens
    128000
    """
    relevant = frozenset(item for item in os.environ.items() if item[0].startswith(_VARIABLES))
    return _chain(relevant, Path.cwd()).resolve(model, deployment)


@functools.lru_cache(maxsize=4)
def _chain(environ: frozenset[tuple[str, str]], _working_directory: Path) -> LimitChain:
    return LimitChain(environ=dict(environ))
