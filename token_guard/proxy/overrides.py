"""Options that hold for one deployment, one team, one key or one request, above those of the settings.

The deployment's stand in its `model_info.token_guard`, a team's and a key's in their metadata under `token_guard`. A client may ask by
header or in `metadata.token_guard`, and is heeded only for the names that `client_overrides` allows.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias, get_args

from cachetools import LRUCache

from token_guard.errors import ConfigError
from token_guard.limits import Deployment
from token_guard.limits.deployment import CLAIMED
from token_guard.proxy.attempt import KEY, Attempt, Note
from token_guard.proxy.callers import deployments
from token_guard.proxy.headers import PREFIX
from token_guard.settings import Settings
from token_guard.settings.overridable import OVERRIDABLE

__all__ = ["Overrides"]

logger = logging.getLogger("token_guard")

Place: TypeAlias = Literal["deployment", "team", "key", "client"]

_NOTED: Final = "overrides"
"""Where the note of a request keeps what its team, its key and its client have asked for and get."""

_HEADERS: Final = tuple((name, PREFIX + name.replace("_", "-")) for name in OVERRIDABLE)
"""Each option, and the header by which a client asks for it."""

# Of a client's own value so much is shown; of all values so many are warned of.
_MAX_SHOWN: Final = 40
_MAX_WARNED: Final = 100
_MAX_KNOWN: Final = 256


@dataclass(frozen=True, slots=True)
class _Asked:
    """One option that somebody asked for, and how that is called where it was."""

    place: Place
    name: str
    value: Any
    called: str


@dataclass(frozen=True, slots=True)
class _Judged:
    """The options that are heeded, and for each that is not, who asked for it and why it is not."""

    heeded: Mapping[str, Any]
    remarks: tuple[tuple[Place, str], ...]


class Overrides:
    """Reads who asks for what; what is not heeded is answered in a header, counted by `ignored`, and warned of once. Thread-safe."""

    def __init__(self, settings: Settings, ignored: Callable[[str], object] = lambda _place: None) -> None:
        self._settings = settings
        self._ignored = ignored
        self._known: LRUCache[str, _Judged] = LRUCache(_MAX_KNOWN)
        self._warned: set[str] = set()
        self._lock = threading.Lock()

    def note(self, data: Mapping[str, Any], auth: Any, note: Note, client: Mapping[str, Any]) -> None:
        """Keep in the note of a request what holds for it, whatever deployment it gets; `client` is what its metadata ask for."""
        asked = [*_of_the_key(auth), *_of_the_client(data, client)]
        if not asked:
            return
        judged = self._judged(asked)
        note[_NOTED] = dict(judged.heeded)
        for place, remark in judged.remarks:
            self._ignored(place)
            self._warn(place, remark)
        if told := [remark for place, remark in judged.remarks if place == "client"]:
            note["remark"] = "; ".join(told)

    def applied(self, attempt: Attempt) -> Attempt:
        """An attempt with the options that hold for it."""
        info = attempt.deployment.model_info.get(KEY)
        noted = attempt.note.get(_NOTED)
        if not (info or noted):
            return attempt
        options = {**self._of_the_deployment(info), **(noted if isinstance(noted, Mapping) else {})}
        return replace(attempt, mode=options.pop("mode", attempt.mode), options=options)

    def options_of(self, auth: Any, deployment: Deployment | None) -> Mapping[str, Any]:
        """The options that hold for whatever this key asks of a deployment, but for the mode: for those who only want to know."""
        info = deployment.model_info.get(KEY) if deployment else None
        heeded = {**self._of_the_deployment(info), **self._judged(list(_of_the_key(auth))).heeded}
        return {name: value for name, value in heeded.items() if name != "mode"}

    def mode(self, note: Note, group: str) -> str:
        """The mode of a request before a deployment is chosen: `enforce` where any that may be chosen is to enforce it."""
        noted = note.get(_NOTED) or {}
        if "mode" in noted:
            return str(noted["mode"])
        modes = set(self._modes(group)) or {self._settings.mode}
        return "enforce" if "enforce" in modes else "observe" if "observe" in modes else "off"

    def _modes(self, group: str) -> Iterator[str]:
        for entry in deployments(group):
            own = self._of_the_deployment((entry.get("model_info") or {}).get(KEY))
            yield str(own.get("mode", self._settings.mode))

    def _of_the_deployment(self, info: Any) -> Mapping[str, Any]:
        """What a deployment's own section says beside its windows; what is wrong of it is warned of once."""
        asked = [
            _Asked("deployment", str(name), value, f"model_info.{KEY}.{name}")
            for name, value in (info if isinstance(info, Mapping) else {}).items()
            if name not in CLAIMED
        ]
        if not asked:
            return {}
        judged = self._judged(asked)
        for place, remark in judged.remarks:
            self._warn(place, remark)
        return judged.heeded

    def _judged(self, asked: Sequence[_Asked]) -> _Judged:
        """Which options are heeded, later ones above earlier ones; the same askings are judged once."""
        key = repr(asked)
        with self._lock:
            known = self._known.get(key)
        if known is None:
            known = self._judge(asked)
            with self._lock:
                self._known[key] = known
        return known

    def _judge(self, asked: Sequence[_Asked]) -> _Judged:
        heeded: dict[str, Any] = {}
        remarks = []
        for one in asked:
            complaint = self._complaint(one, heeded)
            if complaint is None:
                heeded[one.name] = getattr(self._settings.with_options({**heeded, one.name: one.value}), one.name)
            else:
                remarks.append((one.place, complaint))
        return _Judged(heeded, tuple(remarks))

    def _complaint(self, one: _Asked, heeded: Mapping[str, Any]) -> str | None:
        """Why an option is not heeded; None where it is."""
        if one.name not in OVERRIDABLE:
            return f"{one.called} is no option of one request; allowed: {', '.join(OVERRIDABLE)}"
        if one.place == "client" and one.name not in self._settings.client_overrides:
            return f"{one.called} is not heeded: client_overrides does not allow {one.name}"
        try:
            self._settings.with_options({**heeded, one.name: one.value})
        except ConfigError as error:
            choices = get_args(Settings.model_fields[one.name].annotation)
            if choices:
                return f"{one.called} {_shown(one.value)} is no {one.name}; allowed: {', '.join(map(str, choices))}"
            return f"{one.called} {_shown(one.value)} is not heeded: {_without_the_value(error)}"
        return None

    def _warn(self, place: Place, remark: str) -> None:
        with self._lock:
            first = remark not in self._warned and len(self._warned) < _MAX_WARNED
            self._warned.add(remark) if first else None
        if first:
            logger.warning("a %s's %s", place, remark)


def _of_the_key(auth: Any) -> Iterator[_Asked]:
    """What the metadata of the team say, and those of the key above them."""
    places: tuple[tuple[Place, str], ...] = (("team", "team_metadata"), ("key", "metadata"))
    for place, attribute in places:
        metadata = getattr(auth, attribute, None)
        section = metadata.get(KEY) if isinstance(metadata, Mapping) else None
        for name, value in (section if isinstance(section, Mapping) else {}).items():
            yield _Asked(place, str(name), value, f"metadata.{KEY}.{_shown_name(name)}")


def _of_the_client(data: Mapping[str, Any], client: Mapping[str, Any]) -> Iterator[_Asked]:
    """What the client's metadata say, and its headers above them."""
    for name, value in client.items():
        yield _Asked("client", str(name), value, f"metadata.{KEY}.{_shown_name(name)}")
    headers = (data.get("proxy_server_request") or {}).get("headers") or {}
    for name, header in _HEADERS:
        value = str(headers[header]).strip() if header in headers else ""
        if value:
            yield _Asked("client", name, value, header)


def _shown(value: Any) -> str:
    """A client's value in a form that ends no header and no log line."""
    return ascii(str(value)[:_MAX_SHOWN])


def _shown_name(name: Any) -> str:
    return _shown(name)[1:-1]


def _without_the_value(error: ConfigError) -> str:
    """What is allowed, without what was given, which is shown already."""
    return str(error).removeprefix("token_guard settings: ").partition(" (got ")[0]
