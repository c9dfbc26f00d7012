"""A store in Redis, for many machines. Each change is one script, which Redis runs wholly or not at all.

Every name begins with the same words in braces, so that a cluster keeps all of it in one place. Numbers travel as texts: a script's
own numbers are rounded.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from token_guard.stores.records import (
    COUNTS,
    EVENTS,
    LABELS,
    ORIGINALS,
    Batch,
    Fact,
    History,
    News,
    Page,
    SessionChange,
    SessionRecord,
    Totals,
    summed,
)

__all__ = ["RedisStore", "connected"]

PREFIX: Final = "{token_guard}:"

PATIENCE_SECONDS: Final = 2.0
"""How long a command may take; only the store's own thread waits for it."""

MICROSECONDS: Final = 1_000_000

OVERLAP: Final = 1 * MICROSECONDS
"""How far behind the newest write is looked again: Redis does one thing at a time, so that nothing comes later than it says."""

CHUNK: Final = 500
MOST_AT_ONCE: Final = 1_000
"""Sessions that one clean-up takes out because there are too many; what is left waits for the next."""

_NOW: Final = """
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local micro = function() now = now + 1; return string.format('%.0f', now) end
local set = function(fact, capacity)
  local name, index = P .. 'fact:' .. fact.s .. ':' .. fact.k, P .. 'index:' .. fact.s
  redis.call('SADD', P .. 'sections', fact.s)
  redis.call('ZADD', index, micro(), fact.k)
  if not fact.v then return redis.call('DEL', name) end
  if fact.ttl then redis.call('SET', name, fact.v, 'PX', fact.ttl) else redis.call('SET', name, fact.v) end
  for i = 1, redis.call('ZCARD', index) - capacity do
    redis.call('DEL', P .. 'fact:' .. fact.s .. ':' .. redis.call('ZPOPMIN', index)[1])
  end
end
local claim = function(fact, capacity)
  local known = redis.call('GET', P .. 'fact:' .. fact.s .. ':' .. fact.k)
  if known then return known end
  set(fact, capacity)
  return fact.v
end
"""

_CLAIM: Final = f"local P = KEYS[1]\n{_NOW}\nreturn claim(cjson.decode(ARGV[1]), tonumber(ARGV[2]))"

_WRITE: Final = f"""
local P = KEYS[1]
{_NOW}
local batch, capacity = cjson.decode(ARGV[1]), tonumber(ARGV[2])
if not redis.call('SET', P .. 'batch:' .. batch.id, '1', 'NX', 'EX', 3600) then return 0 end
for _, fact in ipairs(batch.facts) do
  if fact.claimed then claim(fact, capacity) else set(fact, capacity) end
end
for _, change in ipairs(batch.changes) do
  local name, happened = P .. 'session:' .. change.id, P .. 'events:' .. change.id
  redis.call('HSETNX', name, 'first_seen', change.at)
  if tonumber(redis.call('HGET', name, 'last_seen') or '0') < tonumber(change.at) then
    redis.call('HSET', name, 'last_seen', change.at)
  end
  redis.call('ZADD', P .. 'seen', 'GT', change.at, change.id)
  if change.owner then redis.call('ZADD', P .. 'seen:' .. change.owner, 'GT', change.at, change.id) end
  for field, value in pairs(change.said) do redis.call('HSET', name, field, value) end
  for field, number in pairs(change.counts) do redis.call('HINCRBY', name, field, number) end
  for _, one in ipairs(change.events) do redis.call('RPUSH', happened, one) end
  redis.call('LTRIM', happened, -tonumber(ARGV[3]), -1)
  redis.call('PEXPIRE', name, change.ttl)
  redis.call('PEXPIRE', happened, change.ttl)
end
return 1
"""


_KEEP: Final = """
local name = KEYS[1] .. 'history:' .. ARGV[1]
if (redis.call('HGET', name, 'version') or '0') ~= ARGV[2] then return 0 end
redis.call('HSET', name, 'version', ARGV[3], 'sealed', ARGV[4])
redis.call('PEXPIRE', name, ARGV[5])
return 1
"""


def connected(url: str) -> Any:
    """A client for the Redis at a URL; it connects when it is first used."""
    import redis

    url = url.replace("redis:///", "redis://localhost/", 1)
    return redis.Redis.from_url(url, socket_timeout=PATIENCE_SECONDS, socket_connect_timeout=PATIENCE_SECONDS, decode_responses=True)


class RedisStore:
    """Facts and session records in Redis, at most `capacity` facts of a section and about as many sessions. Used by one thread; raises
    what redis-py raises.

    `client` gives the client when the store is opened: that of the proxy is there only when the proxy has started.
    """

    def __init__(self, client: Callable[[], Any], capacity: int = 100_000) -> None:
        self._client_of = client
        self._client: Any = None
        self._capacity = capacity

    def open(self) -> None:
        """See that it answers."""
        self._client = self._client_of()
        self._client.ping()

    def close(self) -> None:
        """Leave the connection: another's client is not ours to close, and our own goes with it."""
        self._client = None

    # -- facts -------------------------------------------------------------------------------------------------------------

    def load(self, most: int) -> News:
        """The newest facts of each section, at most so many of each."""
        until = self._time()
        names = ((section, self._texts("zrange", f"index:{section}", -most, -1)) for section in self._texts("smembers", "sections"))
        found = (fact for section, keys in names for fact in self._read(section, keys) if fact.value is not None)
        return News(tuple(found), until)

    def news(self, since: int) -> News:
        """What was written or forgotten since."""
        until = self._time()
        changed: list[Fact] = []
        for section in self._texts("smembers", "sections"):
            keys = self._texts("zrangebyscore", f"index:{section}", since - OVERLAP, "+inf")
            changed += self._read(section, keys)
        return News(tuple(changed), until)

    def fetch(self, places: Sequence[tuple[str, str]]) -> tuple[Fact, ...]:
        """The facts under these sections and keys, as far as there are any."""
        return tuple(fact for section, key in places for fact in self._read(section, [key]) if fact.value is not None)

    def keys(self, section: str) -> tuple[str, ...]:
        keys = self._texts("zrange", f"index:{section}", 0, -1)
        return tuple(fact.key for fact in self._read(section, keys) if fact.value is not None)

    def claim(self, fact: Fact) -> str:
        """The text that counts under the fact's key: its own, where there was none."""
        return _text(self._client.eval(_CLAIM, 1, PREFIX, json.dumps(_fact(fact)), self._capacity))

    def write(self, batch: Batch) -> None:
        """Write a batch, once, however often it is tried."""
        told = {"id": batch.id, "facts": [*map(_fact, batch.facts)], "changes": [*map(_change, batch.changes)]}
        self._client.eval(_WRITE, 1, PREFIX, json.dumps(told), self._capacity, EVENTS)

    def prune(self) -> None:
        """Take the names of what has ended out of the indexes; what they lead to has gone by itself."""
        for section in self._texts("smembers", "sections"):
            self._tidy(f"index:{section}", f"fact:{section}:", self._time() - 3_600 * MICROSECONDS)
        beyond = self._texts("zrevrange", "seen", self._capacity, self._capacity + MOST_AT_ONCE)
        for id_ in beyond:
            self.forget(id_)
        self._tidy("seen", "session:", int(time.time() - 60))
        for name in list(self._client.scan_iter(f"{PREFIX}seen:*", count=CHUNK)):
            self._tidy(_text(name).removeprefix(PREFIX), "session:", int(time.time() - 60))

    def _tidy(self, index: str, places: str, before: int) -> None:
        known = self._texts("zrangebyscore", index, "-inf", before)
        for keys in _chunks(known):
            there = self._pipelined("exists", [f"{places}{key}" for key in keys])
            gone = [key for key, is_there in zip(keys, there, strict=True) if not is_there]
            if gone:
                self._client.zrem(f"{PREFIX}{index}", *gone)

    # -- sessions ----------------------------------------------------------------------------------------------------------

    def session(self, id_: str) -> SessionRecord | None:
        return next(self._records([id_]), None)

    def sessions(self, page: Page) -> tuple[SessionRecord, ...]:
        wanted = self._chosen(page.where, page.after[0] if page.after else None)
        return tuple(islice((one for one in wanted if page.after is None or (one.last_seen, one.id) < page.after), page.limit))

    def totals(self, where: Mapping[str, str]) -> Totals:
        return summed(self._chosen(where, None))

    def forget(self, id_: str) -> bool:
        found = self.session(id_)
        owners = [f"seen:{found.labels['owner']}"] if found and "owner" in found.labels else []
        for index in ("seen", *owners):
            self._client.zrem(f"{PREFIX}{index}", id_)
        self._client.delete(f"{PREFIX}session:{id_}", f"{PREFIX}events:{id_}", f"{PREFIX}history:{id_}{ORIGINALS}")
        return bool(self._client.delete(f"{PREFIX}history:{id_}")) or found is not None

    def history(self, id_: str) -> History | None:
        """The history that is held for a session."""
        version, sealed = self._client.hmget(f"{PREFIX}history:{id_}", "version", "sealed")
        return None if version is None else History(int(_text(version)), _text(sealed))

    def keep_history(self, id_: str, known: int, new: History, ttl_seconds: float) -> bool:
        """Hold a history in the place of the version that is known; whether that was still the one."""
        milliseconds = max(1, int(ttl_seconds * 1_000))
        return bool(self._client.eval(_KEEP, 1, PREFIX, id_, str(known), str(new.version), new.sealed, milliseconds))

    def _chosen(self, where: Mapping[str, str], until: float | None) -> Iterator[SessionRecord]:
        """Records with these labels, newest first."""
        index = f"seen:{where['owner']}" if "owner" in where else "seen"
        newest = "+inf" if until is None else repr(until)
        for ids in _chunks(self._texts("zrevrangebyscore", index, newest, "-inf")):
            yield from (one for one in self._records(ids) if all(one.labels.get(name) == value for name, value in where.items()))

    def _records(self, ids: Sequence[str]) -> Iterator[SessionRecord]:
        hashes = self._pipelined("hgetall", [f"session:{id_}" for id_ in ids])
        happened = self._pipelined("lrange", [f"events:{id_}" for id_ in ids], 0, -1)
        for id_, fields, some in zip(ids, hashes, happened, strict=True):
            if fields:
                yield _record(id_, {_text(name): _text(value) for name, value in fields.items()}, tuple(map(_text, some)))

    # -- how ---------------------------------------------------------------------------------------------------------------

    def _read(self, section: str, keys: Sequence[str]) -> Iterator[Fact]:
        for some in _chunks(keys):
            names = [f"fact:{section}:{key}" for key in some]
            for key, value, left in zip(some, self._pipelined("get", names), self._pipelined("pttl", names), strict=True):
                yield Fact(section, key, None if value is None else _text(value), left / 1_000 if left >= 0 else None)

    def _texts(self, command: str, name: str, *arguments: Any) -> list[str]:
        return [*map(_text, getattr(self._client, command)(f"{PREFIX}{name}", *arguments))]

    def _pipelined(self, command: str, names: Sequence[str], *arguments: Any) -> list[Any]:
        pipe = self._client.pipeline(transaction=False)
        for name in names:
            getattr(pipe, command)(f"{PREFIX}{name}", *arguments)
        return list(pipe.execute())

    def _time(self) -> int:
        seconds, micro = self._client.time()
        return int(seconds) * MICROSECONDS + int(micro)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    return (values[start : start + CHUNK] for start in range(0, len(values), CHUNK))


def _fact(fact: Fact) -> dict[str, Any]:
    ends = {} if fact.ttl_seconds is None else {"ttl": str(max(1, int(fact.ttl_seconds * 1_000)))}
    value = {} if fact.value is None else {"v": fact.value}
    return {"s": fact.section, "k": fact.key, "claimed": fact.claimed, **value, **ends}


def _change(change: SessionChange) -> dict[str, Any]:
    told = {"usage_ratio": change.usage_ratio, "epochs": change.epochs}
    labels = {name: label for name, label in change.labels.items() if label}
    owner = {"owner": change.labels["owner"]} if change.labels.get("owner") else {}
    counts = {name: number for name, number in change.counts.items() if number}
    again = {f"asked\t{kind}\t{tool}": times for (kind, tool), times in change.asked.items()}
    return {
        "id": change.id,
        "at": repr(change.at),
        "ttl": str(max(1, int(change.ttl_seconds * 1_000))),
        **owner,
        "said": {**labels, **{name: str(value) for name, value in told.items() if value is not None}},
        "counts": {name: str(number) for name, number in {**counts, **again}.items()},
        "events": [*change.events],
    }


def _record(id_: str, fields: Mapping[str, str], happened: tuple[str, ...]) -> SessionRecord:
    again = {tuple(name.split("\t")[1:]): int(times) for name, times in fields.items() if name.startswith("asked\t")}
    return SessionRecord(
        id_,
        {name: fields[name] for name in LABELS if fields.get(name)},
        {name: int(fields.get(name, 0)) for name in COUNTS},
        float(fields.get("usage_ratio", 0)),
        int(fields.get("epochs", 0)),
        float(fields["first_seen"]),
        float(fields["last_seen"]),
        {(kind, tool): times for (kind, tool), times in again.items()},
        happened,
    )
