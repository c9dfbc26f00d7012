"""How LiteLLM is made to try a request once more by itself when a provider refuses it as too long.

Before routing, every model group is made the first of its own fallbacks for context errors. So the retry is an attempt as any other, it
gets the client's original messages, and streams and the user's own fallbacks work as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

__all__ = ["offer_retry", "with_self_retries"]

# A second key beside the model makes the entry another attempt than the group itself, which litellm would skip as already made.
# This one litellm overwrites with the true depth, so that it reaches nobody.
_SECOND_KEY: Final = {"fallback_depth": 1}


def offer_retry(data: dict[str, Any], router: Any, team: str | None) -> None:
    """Let the router try a request again on its own model group after a context error; only where a router serves that group."""
    model = data.get("model")
    if router is None or not isinstance(model, str) or data.get("disable_fallbacks") or not router.get_model_list(model, team):
        return
    current = _fallbacks(data, router, "context_window_fallbacks")
    data["context_window_fallbacks"] = with_self_retries(model, current, _fallbacks(data, router, "fallbacks"))


def _fallbacks(data: Mapping[str, Any], router: Any, name: str) -> Sequence[Any] | None:
    """Those of the request, of its key or team, or of the router, as litellm looks for them."""
    if name in data:
        found = data[name]
    else:
        override = data.get("router_settings_override") or {}
        found = override.get(name) if override.get(name) is not None else getattr(router, name, None)
    return found if isinstance(found, Sequence) else None


def with_self_retries(model: str, current: Sequence[Any] | None, generic: Sequence[Any] | None) -> list[Any]:
    """The fallbacks for context errors, in which a group, and each that it may fall back to, stands before its own.

    Without such fallbacks (`current` is None) litellm takes the generic ones, but not where a list exists: so they are copied.

    >>> with_self_retries("a", [{"a": ["b"]}], None)[0]
    {'a': [{'model': 'a', 'fallback_depth': 1}, 'b']}
    """
    if not (current or generic):  # as most proxies have it
        return [{model: [{"model": model, **_SECOND_KEY}]}]
    chosen = generic if current is None else current
    groups = _reachable(model, (chosen or (), generic or ()))
    mine = [{group: [{"model": group, **_SECOND_KEY}, *_targets(group, chosen or ())]} for group in groups]
    return [*mine, *(entry for entry in current or () if not (isinstance(entry, Mapping) and entry.keys() & set(groups)))]


def _reachable(model: str, lists: Sequence[Sequence[Any]]) -> Sequence[str]:
    groups = [model]
    for group in groups:  # grows while it is walked
        targets = (target for fallbacks in lists for target in _targets(group, fallbacks))
        groups += [name for name in dict.fromkeys(map(_name, targets)) if name and name not in groups]
    return groups


def _targets(group: str, fallbacks: Sequence[Any]) -> Sequence[Any]:
    """Where a group falls back to: by its name, by its name but for the provider, else where all do."""
    entries = [(str(key), targets) for entry in fallbacks if isinstance(entry, Mapping) for key, targets in entry.items()]
    tests: tuple[Callable[[str], bool], ...] = (
        lambda key: key == group,
        lambda key: group in (key.partition("/")[2], f"{group.partition('/')[0]}/{key}"),
        lambda key: key == "*",
    )
    found = next((targets for test in tests for key, targets in entries if test(key)), ())
    return found if isinstance(found, Sequence) and not isinstance(found, str) else ()


def _name(target: Any) -> str:
    name = target.get("model") if isinstance(target, Mapping) else target
    return name if isinstance(name, str) else ""
