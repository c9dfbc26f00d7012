"""Context windows: a chain of sources, the first that knows a model decides, and every limit names its source.

A source is one file: a frozen dataclass with a `name` and `__call__(model, deployment)`. A further one is added by its file and its
place in `ORDER`. What a provider said in a refusal is the exception to the order: a smaller learned window wins over every other.
"""

from __future__ import annotations

import functools
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from token_guard.budget import ContextLimit
from token_guard.errors import ConfigError
from token_guard.limits.config_file import ConfigFile, LimitFiles, read_models, usual_places
from token_guard.limits.default import Default, cuts_in_silence, unsaid
from token_guard.limits.deployment import ModelInfo, unreadable_claims, words_of_claims
from token_guard.limits.discovery import Discovery
from token_guard.limits.environment import VARIABLE_PREFIX, Environment
from token_guard.limits.inference import Inference
from token_guard.limits.learned import Learned, LearnedStore
from token_guard.limits.litellm_map import LitellmMap
from token_guard.limits.replies import filled_in_reply
from token_guard.limits.requested import as_requested
from token_guard.limits.served import Served
from token_guard.limits.source import Answer, Deployment, Source
from token_guard.limits.tokens import ALLOWED_TOKENS, read_tokens

__all__ = [
    "ORDER",
    "Answer",
    "Deployment",
    "Discovery",
    "Learned",
    "LearnedStore",
    "LimitChain",
    "Served",
    "Source",
    "advice",
    "cuts_in_silence",
    "filled_in_reply",
    "resolve",
    "unreadable_claims",
    "unsaid",
]

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

ORDER: Final = ("environment", "config_file", "deployment", "learned", "discovery", "litellm_map", "inference", "default")
"""The names of all sources in their usual order: what people wrote, what servers say, what is known of the name."""

# Without a deployment the name alone, whose hash is known.
_Key = str | tuple[str, str, str, str, str]


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
        order: Sequence[str] = ORDER,
        more: Sequence[Source] = (),
        environ: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read the environment and the limit files; what cannot be read in them is in `complaints`, and costs nothing but itself.

        Raises ConfigError when an argument is wrong. `more` are the sources that are not always there; names in `order` without a
        source are passed over.
        """
        environ = os.environ if environ is None else environ
        window = read_tokens(default)
        if window is None:
            raise ConfigError(f"limits.default: {default!r} is no number of tokens; allowed: {ALLOWED_TOKENS}")
        written = LimitFiles([Path.cwd() / file for file in files], usual_places(environ, Path.cwd()), clock, _TTL_SECONDS)
        environment = Environment.read(environ)
        known = (LitellmMap(), Inference())
        usual = (environment, ConfigFile(read_models(models or {}), written), ModelInfo(known), *known)
        self.sources: tuple[Source, ...] = (*_ordered(order, (*usual, *more)), Default(window))
        self.complaints = (*environment.said.complaints, *written.complaints)
        """One line for each limit of the environment and of limit files that could not be read: what it is, and what is allowed."""
        self._learned = next((source for source in self.sources if isinstance(source, Learned)), None)
        self._discovery = next((source for source in self.sources if isinstance(source, Discovery)), None)
        self._clock = clock
        self._lock = threading.Lock()
        self._answers: dict[_Key, tuple[float, int, ContextLimit]] = {}
        self._lessons = 0
        self._warned: set[str] = set()

    def resolve(self, model: str, deployment: Deployment | None = None, request: Mapping[str, Any] | None = None) -> ContextLimit:
        """The limit of a model at a deployment, from the first source that knows it; that of a request, which may name a window of its
        own, where one is given. Never raises."""
        limit = self._resolved(model, deployment)
        if request is None:
            return limit
        limit = as_requested(limit, model, request)
        if warning := unsaid(model, limit):
            self._warn_once(f"{model}\n{_group(deployment)}\nunsaid", "%s", (warning,))
        return limit

    def look_up(self, model: str, deployment: Deployment | None = None, request: Mapping[str, Any] | None = None) -> ContextLimit:
        """The same as `resolve`, asked anew and without a warning: for those who say themselves what is wrong."""
        limit = self._ask(model[:_MAX_NAME_LENGTH], deployment)
        return limit if request is None else as_requested(limit, model, request)

    def learn(self, model: str, deployment: Deployment | None, window: int, *, named: bool = True) -> None:
        """Remember the window that a provider's refusal names, or gives away; it counts from the next question on."""
        if self._learned:
            self._learned.learn(model[:_MAX_NAME_LENGTH], deployment, window, named=named)
            self._forget_answers()

    def forget_unnamed(self, model: str, deployment: Deployment | None) -> None:
        """Forget what was learned from refusals that name no window."""
        if self._learned:
            self._learned.forget_unnamed(model[:_MAX_NAME_LENGTH], deployment)
            self._forget_answers()

    def explain(self, model: str, deployment: Deployment | None = None) -> tuple[Answer, ...]:
        """What every source says about a model, in their order, and where each has it from."""
        model = model[:_MAX_NAME_LENGTH]
        return tuple(Answer(source.name, source(model, deployment), source.why(model, deployment)) for source in self.sources)

    def _resolved(self, model: str, deployment: Deployment | None) -> ContextLimit:
        key = model[:_MAX_NAME_LENGTH] if deployment is None else _key(model, deployment)
        now, said = self._clock(), self._discovery.changes if self._discovery else 0
        kept = self._answers.get(key)
        if kept and now < kept[0] and said == kept[1]:
            return kept[2]
        lessons = self._lessons
        name = model[:_MAX_NAME_LENGTH]
        limit = self._ask(name, deployment)
        if kept and kept[2] == limit:
            limit = kept[2]  # the same object as long as it says the same: what was decided by it need not be decided again
        self._keep(key, (now + _TTL_SECONDS, said, limit), lessons)
        self._tell(name, deployment, limit)
        return limit

    def _ask(self, model: str, deployment: Deployment | None) -> ContextLimit:
        answers = [limit for source in self.sources if (limit := source(model, deployment))]
        learned = self._learned(model, deployment) if self._learned else None
        if learned and learned.max_input_tokens < answers[0].max_input_tokens:
            answers = [learned, *answers]
        return _with_output(answers[0], answers[1:])

    def _tell(self, model: str, deployment: Deployment | None, limit: ContextLimit) -> None:
        """What an operator should know of this answer, once."""
        for complaint in self.complaints:
            _tell_unread(complaint)
        for key, complaint in unreadable_claims(deployment.model_info) if deployment else ():
            _tell_unread(f"model_info.{key} of {model}: {complaint}")
        if limit.source == self.sources[-1].name:
            self._warn_once(f"{model}\n{_group(deployment)}", "%s", (advice(model, deployment, limit),))
        if self._learned and limit.source == self._learned.name:
            self._tell_learned(model, deployment, limit)

    def _tell_learned(self, model: str, deployment: Deployment | None, learned: ContextLimit) -> None:
        answers = (limit for source in self.sources if source is not self._learned and (limit := source(model, deployment)))
        other = next(answers)
        if learned.max_input_tokens < other.max_input_tokens:
            subject = f"{model}\n{deployment.id if deployment else ''}\n{learned.max_input_tokens}"
            self._warn_once(subject, _SMALLER, _learned_words(model, learned, other))

    def _keep(self, key: _Key, answer: tuple[float, int, ContextLimit], lessons: int) -> None:
        with self._lock:
            if len(self._answers) >= _MAX_ENTRIES:
                self._answers.clear()
            if lessons == self._lessons:  # else something was learned while the sources were asked
                self._answers[key] = answer

    def _forget_answers(self) -> None:
        with self._lock:
            self._lessons += 1
            self._answers.clear()

    def _warn_once(self, subject: str, message: str, words: tuple[str, ...]) -> None:
        with self._lock:
            first = subject not in self._warned and len(self._warned) < _MAX_ENTRIES
            if first:
                self._warned.add(subject)
        if first:
            _LOG.warning(message, *words)


def _ordered(order: Sequence[str], sources: Sequence[Source]) -> Iterator[Source]:
    """The sources in that order, without those that it leaves out and without the default, which is always last."""
    unknown = [name for name in order if name not in ORDER]
    if unknown:
        raise ConfigError(f"limits.order: {unknown[0]!r} is no source of limits; allowed: {', '.join(ORDER)}")
    named = {source.name: source for source in sources}
    yield from (named[name] for name in dict.fromkeys(order) if name in named)


def _key(model: str, deployment: Deployment) -> _Key:
    return model[:_MAX_NAME_LENGTH], deployment.id, deployment.group, deployment.api_base, words_of_claims(deployment.model_info)


def _with_output(limit: ContextLimit, others: Sequence[ContextLimit]) -> ContextLimit:
    """A limit whose source gave the window alone, with the reply length of the next source that knows one and that fits into it."""
    if limit.max_output_tokens is not None:
        return limit
    output = next((other.max_output_tokens for other in others if other.max_output_tokens), None)
    return replace(limit, max_output_tokens=output) if output and output < limit.max_input_tokens else limit


def advice(model: str, deployment: Deployment | None, limit: ContextLimit) -> str:
    """One line on a model whose window nobody knows: which deployment, what is assumed, and the line to add.

    >>> print(advice("azure/prod-7", Deployment(group="fast"), ContextLimit(8_192)))
    no source knows the context window of 'azure/prod-7', served as 'fast', so 8,192 tokens are assumed; add to its deployment \
model_info: {base_model: azure/<the model behind it>} or model_info: {max_input_tokens: <tokens>}, or set \
MODEL_LIMIT_AZURE_PROD_7=<tokens>, or an entry in a limit file such as model_limits.json
    """
    variable = VARIABLE_PREFIX + re.sub(r"[^A-Z0-9]+", "_", model.upper()).strip("_")
    group = _group(deployment)
    base = "model_info: {base_model: azure/<the model behind it>} or " if model.startswith(_NAMED_BY_ITS_OWNER) else ""
    return (
        f"no source knows the context window of {model!r}{f', served as {group!r}' if group else ''}, so {limit.max_input_tokens:,} "
        f"tokens are assumed; add to its deployment {base}model_info: {{max_input_tokens: <tokens>}}, "
        f"or set {variable}=<tokens>, or an entry in a limit file such as model_limits.json"
    )


# Azure's deployments have names that their owner chose.
_NAMED_BY_ITS_OWNER: Final = ("azure/", "azure_ai/")


def _group(deployment: Deployment | None) -> str:
    return deployment.group if deployment else ""


@functools.lru_cache(maxsize=1_024)
def _tell_unread(complaint: str) -> None:
    """A warning that a limit is passed over; once a process, however many chains read it."""
    _LOG.warning("%s; it is passed over, the other sources of limits go on", complaint)


_SMALLER: Final = (
    "the provider of %r takes %s tokens, as its refusal of a longer request shows, not the %s of %s; the smaller number counts"
)


def _learned_words(model: str, learned: ContextLimit, other: ContextLimit) -> tuple[str, ...]:
    return model, f"{learned.max_input_tokens:,}", f"{other.max_input_tokens:,}", other.source


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
