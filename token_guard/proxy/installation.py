"""Making the one callback of a process, for a proxy or without one."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import Mapping
from functools import cache, partial

import litellm

from token_guard.errors import ConfigError
from token_guard.proxy.callers import may_use, served
from token_guard.proxy.count_tokens import CountTokens, forecast
from token_guard.proxy.holding import HeldReplies
from token_guard.proxy.listings import Listings, with_windows
from token_guard.proxy.logs import announce, log_as_litellm
from token_guard.proxy.needs import lacking
from token_guard.proxy.plugin import TokenGuardCallback
from token_guard.proxy.threads import POOL
from token_guard.settings import Settings

__all__ = ["build_callback", "install"]

STARTUP_FAILURE = 3
"""The exit status by which uvicorn and gunicorn know that a worker cannot start, and stop instead of starting it again."""


@cache
def build_callback() -> TokenGuardCallback:
    """The callback of this process, with the settings of `callback_settings.token_guard`.

    Raises ConfigError when they are wrong; in a proxy that is starting, writes its line to stderr and ends the process.
    """
    if _is_in_a_proxy():
        log_as_litellm()
    try:
        callback = TokenGuardCallback(_configured())
    except ConfigError as error:
        if not _is_in_a_proxy():
            raise
        # What is raised here reaches the operator above and below eighty lines of traceback, and SystemExit does not end uvicorn.
        sys.stdout.flush()
        print(f"token_guard: {error}", file=sys.stderr, flush=True)
        os._exit(STARTUP_FAILURE)
    if _is_in_a_proxy():
        announce(callback.settings.mode, lacking())
        _serve_page(callback)
        if callback.retrieval:
            litellm.callbacks.append(callback.retrieval)
        _tell_the_truth(callback)
        gc.freeze()  # LiteLLM's 700,000 objects stay: to go through them for garbage holds the event loop for half a second
    return callback


def install(settings: Settings | None = None) -> TokenGuardCallback:
    """Register the callback for litellm used without a proxy, and return it; one with the same settings stays.

    It sees asynchronous calls only: litellm asks no callback before a synchronous one (use `fit` there).
    """
    installed = [callback for callback in litellm.callbacks if isinstance(callback, TokenGuardCallback)]
    if installed and settings in (None, installed[0].settings):
        return installed[0]
    callback = TokenGuardCallback(settings) if settings else build_callback()
    litellm.callbacks = [other for other in litellm.callbacks if other not in installed] + [callback]
    return callback


def _configured() -> Settings:
    sections = litellm.callback_settings or {}
    if not isinstance(sections, Mapping):
        raise ConfigError(f"callback_settings must be a mapping of sections, not {type(sections).__name__}")
    return Settings.load(sections.get("token_guard"))


def _tell_the_truth(callback: TokenGuardCallback) -> None:
    """Put what amends answers around the proxy's application: one that has started takes no further middleware, so it goes around the
    stack that is built."""
    app = getattr(sys.modules["litellm.proxy.proxy_server"], "app", None)
    stack = getattr(app, "middleware_stack", None)
    if app is None or not callable(stack) or isinstance(stack, CountTokens | HeldReplies):
        return
    told = stack if callback.settings.mode == "off" else Listings(stack, partial(with_windows, callback.guard))
    counting = CountTokens(told, partial(forecast, callback.guard, callback.overrides), headers=callback.settings.headers)
    app.middleware_stack = HeldReplies(counting, callback.holding) if callback.holding else counting


def _serve_page(callback: TokenGuardCallback) -> None:
    """Put the page and its routes on the proxy's application. They decide themselves what a key sees; LiteLLM keeps a list of such
    routes, and lets keys that are no administrator's to no others."""
    from litellm.proxy.auth.user_api_key_auth import user_api_key_auth

    from token_guard.web import PATHS, Host, routes

    app = getattr(sys.modules["litellm.proxy.proxy_server"], "app", None)
    if app is None:
        return
    settings = callback.settings
    away = partial(POOL, seconds=settings.max_overhead_ms / 1_000)
    host = Host(user_api_key_auth, served, may_use, away, callback.overrides.options_of)
    store = callback.store if settings.sessions.enabled else None
    for each in routes(callback.guard, callback.noting.recent, store, host, settings.mode):
        app.include_router(each)
    types = sys.modules.get("litellm.proxy._types")
    listed = getattr(getattr(getattr(types, "LiteLLMRoutes", None), "self_managed_routes", None), "value", None)
    if isinstance(listed, list):
        listed += [path for path in PATHS if path not in listed]


def _is_in_a_proxy() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return "litellm.proxy.proxy_server" in sys.modules
