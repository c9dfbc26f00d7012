"""Options whose names and values have changed; the old ones count as before, with one warning that names the new."""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping
from typing import Any, Final

from token_guard.settings.words import OFF, ON

__all__ = ["OLD_NAMES", "current", "without_gone"]

_LOG: Final = logging.getLogger("token_guard")

_VALUES: Final[Mapping[str, Mapping[str, tuple[str, Any]]]] = {
    "policy": {"adaptive": ("policy", "ahead")},
    "adaptive": {
        **dict.fromkeys((*ON, "1"), ("thresholds", "by_shape")),
        **dict.fromkeys((*OFF, "0"), ("thresholds", "fixed")),
    },
    "allow_request_mode": {
        **dict.fromkeys((*ON, "1"), ("client_overrides", ["mode"])),
        **dict.fromkeys((*OFF, "0"), ("client_overrides", [])),
    },
}
"""By old name and old value (as lower-case text), the option and the value that they are now."""

OLD_NAMES: Final = ("adaptive", "allow_request_mode")
"""Names that are no option any more."""


_GONE: Final[Mapping[str, Mapping[str, str]]] = {
    "summarize": {"max_decisions": "decisions are told as steps of the account, in the room that it has"},
}
"""By section, options that decide nothing any more, and what does."""


def current(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of one place under their names of today; where both names are given, the one of today counts.

    >>> current({"adaptive": False, "trigger": 0.9})
    {'thresholds': 'fixed', 'trigger': 0.9}
    """
    renamed: dict[str, Any] = {}
    for key, value in options.items():
        now, new = _VALUES.get(key, {}).get(str(value).strip().lower(), (key, value))
        if key in OLD_NAMES and now == key and value is None:
            continue
        if (now, new) != (key, value):
            _tell(key, str(value).strip().lower(), f"{now}: {new}")
        if now == key or now not in options:
            renamed[now] = new
    return renamed


def without_gone(section: str, options: Any) -> Any:
    """The options of a section without those that decide nothing any more; one warning a process names each.

    >>> without_gone("summarize", {"share": 0.3, "max_decisions": 5})
    {'share': 0.3}
    """
    gone = _GONE[section]
    if not isinstance(options, Mapping) or gone.keys().isdisjoint(options):
        return options
    for key in gone.keys() & options.keys():
        _tell_gone(f"{section}.{key}", gone[key])
    return {key: value for key, value in options.items() if key not in gone}


@functools.lru_cache(maxsize=64)
def _tell_gone(option: str, instead: str) -> None:
    _LOG.warning("token_guard settings: %s decides nothing any more (%s); leave it out", option, instead)


@functools.lru_cache(maxsize=64)
def _tell(key: str, value: str, new: str) -> None:
    """One warning a process; settings are made more than once."""
    _LOG.warning("token_guard settings: %s: %s is an old name of %s; it still counts, but write the new one", key, value, new)
