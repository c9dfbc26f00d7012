"""Which hosts may be asked for a page: public ones, and private ones that the operator named."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from token_guard.errors import TokenCountError, TryAgainError

__all__ = ["Hosts"]

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Hosts:
    """Names, patterns of names (`*.corp.example`) and networks (`10.0.0.0/8`) that may be asked although they are private; with
    `only`, nothing else may be asked at all."""

    allowed: Sequence[str] = ()
    only: bool = False

    def addresses(self, host: str, port: int) -> tuple[str, ...]:
        """The addresses of a host that may be connected to, at least one; raises TokenCountError where there is none.

        Who connects uses these, and does not ask for the name again: the next answer may be another one.
        """
        named = any(fnmatchcase(host.lower(), pattern.lower()) for pattern in self.allowed)
        found = _resolved(host, port)
        usable = tuple(str(address) for address in found if named or self._is_open(address))
        if not usable:
            reason = "is on no list of hosts" if self.only else "is a private address"
            raise TokenCountError(f"{host} {reason}, which is not fetched; an operator can name it in counting.allowed_hosts")
        return usable

    def _is_open(self, address: _Address) -> bool:
        if any(address in network for network in map(_network, self.allowed) if network and network.version == address.version):
            return True
        return not self.only and _is_public(address)


def _resolved(host: str, port: int) -> tuple[_Address, ...]:
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        known = isinstance(error, socket.gaierror) and error.errno != socket.EAI_AGAIN
        raise (TokenCountError if known else TryAgainError)(f"no address is known of {host}") from None
    return tuple(dict.fromkeys(ipaddress.ip_address(str(answer[4][0]).partition("%")[0]) for answer in answers))


def _is_public(address: _Address) -> bool:
    """Whether an address is one of the public Internet, and does not lead to one that is not.

    >>> private = ("10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::")
    >>> [_is_public(ipaddress.ip_address(text)) for text in ("8.8.8.8", *private)]
    [True, False, False, False, False, False, False]
    """
    inner = _inner(address)
    return address.is_global and not address.is_multicast and (inner is None or _is_public(inner))


def _inner(address: _Address) -> ipaddress.IPv4Address | None:
    """The address of the older kind that one of the newer kind stands for: mapped, 6to4, Teredo, NAT64."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in ipaddress.IPv6Network("64:ff9b::/96"):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


def _network(pattern: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(pattern, strict=False)
    except ValueError:
        return None
