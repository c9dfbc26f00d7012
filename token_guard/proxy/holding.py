"""Conversations held for clients: put in front before a request is routed, and kept with the reply before its client has read its end.

Replies are watched around the proxy's whole application: there they are what the client gets, in its own format, streamed or not, whatever
LiteLLM translated on the way. A reply is kept before the last of it is sent on, so that whoever has a reply can go on from it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, MutableMapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from token_guard.errors import ConfigError, tell, where
from token_guard.formats.dialogue import HELD_APIS
from token_guard.formats.streamed import Streamed
from token_guard.history.fingerprint import given_session
from token_guard.proxy.attempt import Note
from token_guard.proxy.callers import owner_of
from token_guard.proxy.exchanges import Application, Message, Receive, Send
from token_guard.sessions import Histories, Opened, Sealing, session_id
from token_guard.settings import Settings
from token_guard.stores import Store

__all__ = ["HeldReplies", "Holding"]

logger = logging.getLogger("token_guard")

_ENDS: Final = ("/chat/completions", "/messages", "/responses")
"""Ends of paths whose answers are replies."""

_PARAMETERS: Final = ("store",)
"""What of a request beside its messages says how its reply goes back."""


@dataclass(slots=True)
class _Exchange:
    """A request under way, until its reply is whole."""

    opened: Opened | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    status: int = 0
    body: bytearray = field(default_factory=bytearray)
    stream: Streamed | None = None

    def start(self, message: Message) -> None:
        """Note how an answer begins."""
        self.status = message["status"]
        kinds = (value for name, value in message.get("headers", ()) if name.lower() == b"content-type")
        if self.opened and b"event-stream" in next(kinds, b""):
            self.stream = Streamed(self.opened.api)

    def ends_with(self, message: Message) -> bool:
        """Take a piece of an answer; whether the reply is whole with it."""
        data = message.get("body", b"")
        if self.stream:
            self.stream.feed(data)
            return self.stream.is_over or not message.get("more_body")
        self.body.extend(data)
        return not message.get("more_body")

    @property
    def answer(self) -> Mapping[str, Any] | None:
        """The whole answer; None where there is none."""
        if self.status != HTTPStatus.OK or (self.stream and (self.stream.has_failed or not self.stream.is_over)):
            return None
        found = self.stream.answer if self.stream else json.loads(self.body)
        return found if isinstance(found, Mapping) else {}


_exchange: ContextVar[_Exchange | None] = ContextVar("token_guard_held_exchange", default=None)


class Holding:
    """Puts what is held in front of requests, and keeps it with their replies. Without histories, because there is no key to seal them
    with, it says so to every client that names its session."""

    def __init__(self, histories: Histories | None, observe: Callable[[str], object]) -> None:
        self._histories = histories
        self._observe = observe

    @classmethod
    def if_wanted(cls, settings: Settings, store: Store, observe: Callable[[str], object]) -> Holding | None:
        """What the settings ask for; an error in the log where their key is none."""
        wanted = settings.sessions
        if not wanted.history:
            return None
        try:
            sealing = Sealing(settings.encryption_key)
        except ConfigError as error:
            logger.error("sessions.history is off: no conversation is held, because %s", error)
            return cls(None, observe)
        seconds = min(wanted.history_ttl_seconds, wanted.retention_seconds)
        return cls(Histories(store, sealing, ttl_seconds=seconds, most_bytes=wanted.history_bytes), observe)

    async def begin(self, data: MutableMapping[str, Any], note: Note, api: str) -> None:
        """Put what is held in front of the messages of a client's request, and wait for its reply."""
        exchange, name = _exchange.get(), given_session(data)
        if exchange is None or api not in HELD_APIS or not name:
            return
        owner = owner_of(data)
        if self._histories is None or not owner:
            self._said(note, "off" if self._histories is None else "no key")
            return
        opened = await asyncio.to_thread(_opened, self._histories, session_id(owner, name), api, data)
        if opened is None:
            return
        exchange.opened, exchange.parameters = opened, {name: data[name] for name in _PARAMETERS if name in data}
        data.update(opened.edits)
        added = f";messages={opened.in_front}" if opened.in_front else ""
        self._said(note, opened.outcome, added)

    async def end(self, exchange: _Exchange) -> None:
        """Keep an exchange; nothing is raised: the request is answered."""
        opened, exchange.opened = exchange.opened, None
        if opened is None or self._histories is None:
            return
        try:
            answer = exchange.answer
            if answer is not None:
                kept = await asyncio.to_thread(self._histories.answered, opened, exchange.parameters, answer)
                if kept == "lost":
                    tell(self._observe, kept)
        except Exception as error:
            logger.warning("token_guard could not keep an exchange of a session (%s)", where(error))
            self._histories.lose(opened)
            tell(self._observe, "lost")

    def _said(self, note: Note, outcome: str, more: str = "") -> None:
        note["history"] = outcome + more
        tell(self._observe, outcome)


def _opened(histories: Histories, id_: str, api: str, data: Mapping[str, Any]) -> Opened | None:
    try:
        return histories.open(id_, api, data)
    except Exception as error:  # the request goes on as it was sent
        logger.warning("token_guard could not put a history in front of a request (%s)", where(error))
        return Opened(id_, api, "unreadable")


class HeldReplies:
    """An application around another, that keeps the replies of requests which `Holding` has begun."""

    def __init__(self, app: Application, holding: Holding) -> None:
        self.app = app
        self._holding = holding

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve as the inner application does."""
        if scope["type"] != "http" or not scope["path"].endswith(_ENDS):
            return await self.app(scope, receive, send)
        exchange = _Exchange()
        token = _exchange.set(exchange)

        async def kept(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.start(message)
            elif message["type"] == "http.response.body" and exchange.opened and exchange.ends_with(message):
                await self._holding.end(exchange)
            await send(message)

        try:
            await self.app(scope, receive, kept)
        finally:
            _exchange.reset(token)
