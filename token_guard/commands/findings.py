"""What is wrong with a LiteLLM proxy configuration, as far as it concerns the guard: a list of rules, each a function."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from token_guard.commands.litellm_config import CALLBACK, entries, options, section, served
from token_guard.commands.unshadowed import unshadowed
from token_guard.errors import ConfigError
from token_guard.guard import Guard
from token_guard.limits import Served, advice, unsaid
from token_guard.limits.deployment import CLAIMED, unreadable_claims
from token_guard.proxy.needs import lacking
from token_guard.sessions import Sealing
from token_guard.settings import Settings
from token_guard.settings.overridable import OVERRIDABLE
from token_guard.stores import trouble_with

__all__ = ["Finding", "findings", "is_a_guess", "unreadable"]

OPTIONS = "callback_settings.token_guard"
"""Where a proxy reads the guard's options."""

UNREAD_PLACES = ("litellm_settings", "general_settings")
"""Sections where options look plausible but are not read."""

OTHER_CALLBACKS = ("success_callback", "failure_callback", "service_callback", "audit_log_callbacks")
"""Lists of callbacks that are called once more for each name in `callbacks`."""

CHAT_MODES = ("", "chat", "completion", "responses")
"""What a deployment that the guard fits requests for may have as `model_info.mode`; embeddings and images have no such window."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong at one key, in one line that says what is allowed."""

    key: str
    message: str
    place: int | None = None
    """Of a window that nobody knows by this configuration alone: its deployment's place."""


def findings(config: Mapping[str, Any]) -> tuple[Finding, ...]:
    """All that keeps the guard from working as this configuration means it to."""
    return tuple(finding for rule in RULES for finding in rule(config))


def _litellm_has_what_is_needed(_config: Mapping[str, Any]) -> Iterator[Finding]:
    yield from (Finding("litellm", line) for line in lacking())


def _callbacks_name_the_guard(config: Mapping[str, Any]) -> Iterator[Finding]:
    key, named = "litellm_settings.callbacks", section(config, "litellm_settings").get("callbacks")
    names = named if isinstance(named, list) else [named]
    wrong = [name for name in names if isinstance(name, str) and _means_the_guard(name.split(".")[0]) and name != CALLBACK]
    if wrong:
        yield Finding(key, f"{wrong[0]} is not the callback; the only name is {CALLBACK}")
    elif CALLBACK not in names:
        yield Finding(key, f'the guard is not switched on; add callbacks: ["{CALLBACK}"]')
    elif isinstance(named, str):
        yield Finding(key, f'a single name replaces every other callback; write a list: ["{CALLBACK}"]')
    elif names.count(CALLBACK) > 1:
        yield Finding(key, f"{CALLBACK} is listed {names.count(CALLBACK)} times; once is enough, and each time costs")


def _the_callback_is_listed_nowhere_else(config: Mapping[str, Any]) -> Iterator[Finding]:
    settings = section(config, "litellm_settings")
    for place in OTHER_CALLBACKS:
        named = settings.get(place)
        if CALLBACK in (named if isinstance(named, list) else [named]):
            yield Finding(f"litellm_settings.{place}", f"{CALLBACK} belongs in callbacks alone; remove it here")


def _options_are_valid(config: Mapping[str, Any]) -> Iterator[Finding]:
    try:
        Guard(Settings.load(options(config)))
    except ConfigError as error:
        yield from (Finding(OPTIONS, complaint) for complaint in error.complaints or (str(error).removeprefix("token_guard settings: "),))


def _the_store_opens(config: Mapping[str, Any]) -> Iterator[Finding]:
    settings = _settings(config)
    trouble = trouble_with(settings.store) if settings else ""
    if trouble:
        yield Finding(f"{OPTIONS}.store", trouble.removeprefix("store: "))


def _the_proxy_has_the_redis_of_its_store(config: Mapping[str, Any]) -> Iterator[Finding]:
    """`proxy:` is the Redis that LiteLLM itself connects to; without one, what is learned stays in memory."""
    settings, general, own = _settings(config), section(config, "general_settings"), section(config, "litellm_settings")
    if settings is None or not settings.store.startswith("proxy:") or section(general, "coordination_redis"):
        return
    kind = section(own, "cache_params").get("type", "redis")
    if not own.get("cache") or kind != "redis":
        where = "litellm_settings.cache with cache_params.type redis, or general_settings.coordination_redis"
        yield Finding(f"{OPTIONS}.store", f"proxy: is the proxy's own Redis, and this proxy has none; name it in {where}")


def _what_is_sealed_has_a_key(config: Mapping[str, Any]) -> Iterator[Finding]:
    settings = _settings(config)
    wanted = {"sessions.history": settings.sessions.history, "retrieval.enabled": settings.retrieval.enabled} if settings else {}
    names = [name for name, on in wanted.items() if on]
    if settings is None or not names:
        return
    try:
        Sealing(settings.encryption_key)
    except ConfigError as error:
        complaint = str(error).removeprefix("encryption_key: ").removeprefix("encryption_key ")
        yield Finding(f"{OPTIONS}.encryption_key", f"{' and '.join(names)} would stay off: {complaint}")


def _limits_can_be_read(config: Mapping[str, Any]) -> Iterator[Finding]:
    settings = _settings(config)
    for complaint in Guard(settings).limits.complaints if settings else ():
        yield Finding("limits", complaint)
    for one in served(config):
        yield from (Finding(key, complaint) for key, complaint in unreadable(one))


def unreadable(one: Served) -> Iterator[tuple[str, str]]:
    """The key and a complaint for each window of a deployment's model_info that is no number of tokens."""
    for key, complaint in unreadable_claims(one.deployment.model_info):
        yield f"model_list[{one.place}].model_info.{key}", complaint


def _windows_are_known(config: Mapping[str, Any]) -> Iterator[Finding]:
    settings = _settings(config)
    limits = Guard(settings).limits if settings else None
    for one in served(config) if limits else ():
        limit = one.shown_limit(limits) if limits else None
        if settings and limit and limit.source == "default" and is_a_guess(one, asked=settings.limits.discovery):
            yield Finding(f"model_list[{one.place}].model_info", advice(one.model, one.deployment, limit), one.place)
        elif limit and "*" not in one.model and (complaint := unsaid(one.model, limit)):
            yield Finding(f"model_list[{one.place}].litellm_params", complaint, one.place)


def is_a_guess(one: Served, *, asked: bool) -> bool:
    """Whether the default is all that there will be for a deployment; not where its server is asked, and not for what has no turns."""
    if "*" in one.model or str(one.deployment.model_info.get("mode") or "") not in CHAT_MODES:
        return False
    return not (asked and one.deployment.api_base and not one.model.startswith("azure"))


def _options_are_where_they_are_read(config: Mapping[str, Any]) -> Iterator[Finding]:
    unread = [f"{place}.{key}" for place in UNREAD_PLACES for key in section(config, place) if _means_the_guard(key)]
    misspelt = [
        f"callback_settings.{key}" for key in section(config, "callback_settings") if _means_the_guard(key) and key != "token_guard"
    ]
    elsewhere = [
        f"{place}.token_guard"
        for place, value in config.items()
        if place != "callback_settings"
        and place not in UNREAD_PLACES
        and isinstance(value, Mapping)
        and difflib.get_close_matches(str(place), ["callback_settings"], cutoff=0.8)
        and any(map(_means_the_guard, value))
    ]
    for key in [*unread, *misspelt, *elsewhere, *(str(key) for key in config if _means_the_guard(key))]:
        yield Finding(key, f"is not read; options belong under {OPTIONS}")


def _nothing_leaks_to_the_provider(config: Mapping[str, Any]) -> Iterator[Finding]:
    """LiteLLM sends parameters that it does not know to the provider, in the request's body."""
    for place, entry in enumerate(entries(config)):
        for key in section(entry, "litellm_params"):
            if _means_the_guard(key):
                yield Finding(f"model_list[{place}].litellm_params.{key}", "would be sent to the provider; remove it")


def _models_override_what_may_differ(config: Mapping[str, Any]) -> Iterator[Finding]:
    for place, entry in enumerate(entries(config)):
        info = section(entry, "model_info")
        for key in sorted(map(str, section(info, "token_guard").keys() - {*CLAIMED, *OVERRIDABLE})):
            yield Finding(
                f"model_list[{place}].model_info.token_guard.{key}", f"is not read; allowed: {', '.join((*CLAIMED, *OVERRIDABLE))}"
            )
        for key in info:
            if _means_the_guard(key) and key != "token_guard":
                yield Finding(f"model_list[{place}].model_info.{key}", "is not read; the name is token_guard")


def _the_summariser_is_served(config: Mapping[str, Any]) -> Iterator[Finding]:
    settings = _settings(config)
    model = settings.summarizer.model if settings else None
    aliases = section(section(config, "router_settings"), "model_group_alias")
    names = [*(str(entry.get("model_name")) for entry in entries(config)), *map(str, aliases)]
    if model and not any(fnmatchcase(model, name) for name in names):
        yield Finding(f"{OPTIONS}.summarizer.model", f"{model} is no model_name of model_list: nothing would be summarised")


def _the_shadows_models_can_be_compared(config: Mapping[str, Any]) -> Iterator[Finding]:
    settings = _settings(config)
    for complaint in unshadowed(settings.shadow, config) if settings else ():
        yield Finding(f"{OPTIONS}.shadow.models", complaint)


def _ids_are_ones_own(config: Mapping[str, Any]) -> Iterator[Finding]:
    """What is learned of a deployment is kept under its id."""
    ids = Counter(one.deployment.id for one in served(config) if one.deployment.id)
    for name, number in ids.items():
        if number > 1:
            yield Finding("model_list", f"model_info.id {name!r} is that of {number} deployments; give each its own")


RULES: tuple[Callable[[Mapping[str, Any]], Iterator[Finding]], ...] = (
    _litellm_has_what_is_needed,
    _callbacks_name_the_guard,
    _the_callback_is_listed_nowhere_else,
    _options_are_valid,
    _options_are_where_they_are_read,
    _the_store_opens,
    _the_proxy_has_the_redis_of_its_store,
    _what_is_sealed_has_a_key,
    _limits_can_be_read,
    _windows_are_known,
    _nothing_leaks_to_the_provider,
    _models_override_what_may_differ,
    _ids_are_ones_own,
    _the_summariser_is_served,
    _the_shadows_models_can_be_compared,
)


def _settings(config: Mapping[str, Any]) -> Settings | None:
    """The guard's options; None where they are wrong, which a rule of its own says."""
    try:
        return Settings.load(options(config))
    except ConfigError:
        return None


def _means_the_guard(key: object) -> bool:
    """Whether a key is the guard's name or a slip of it.

    >>> [_means_the_guard(key) for key in ("token_guard", "token-guard", "TokenGuard", "token_gaurd", "guardrails", "token_limit")]
    [True, True, True, True, False, False]
    """
    name = re.sub(r"[^a-z]", "", str(key).lower())
    return bool(difflib.get_close_matches(name, ["tokenguard"], cutoff=0.85))
