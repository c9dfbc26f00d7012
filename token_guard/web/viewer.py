"""Who looks at records: a key sees its own sessions, the master key and other administrators see all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

__all__ = ["Viewer", "viewer_of"]

_ADMINISTRATORS: Final = ("proxy_admin", "proxy_admin_viewer")
_MAY_DELETE: Final = ("proxy_admin",)


@dataclass(frozen=True, slots=True)
class Viewer:
    """A key by its hash, and whether it is one of an administrator, who sees all, and may delete what it sees."""

    owner: str
    sees_all: bool = False
    deletes_all: bool = False

    def sees(self, owner: str) -> bool:
        """Whether the sessions of a key are shown. Where no key is known, only an administrator sees anything."""
        return self.sees_all or bool(self.owner and owner == self.owner)

    def deletes(self, owner: str) -> bool:
        """Whether the sessions of a key may be deleted."""
        return self.deletes_all or bool(self.owner and owner == self.owner)


def viewer_of(auth: Any) -> Viewer:
    """Who the proxy says it is: `auth` is its `UserAPIKeyAuth`."""
    role = getattr(auth, "user_role", None)
    named = str(getattr(role, "value", role) or "")
    return Viewer(str(getattr(auth, "api_key", None) or ""), named in _ADMINISTRATORS, named in _MAY_DELETE)
