"""Holding conversations around an application: what is put in front, when a reply is kept, and what is said where that cannot be done."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from typing import Any

import pytest
from build import answer, say
from cryptography.fernet import Fernet
from litellm.proxy._types import UserAPIKeyAuth

from token_guard.errors import ConfigError, StoreUnavailableError
from token_guard.proxy.holding import HeldReplies, Holding
from token_guard.settings import Settings
from token_guard.stores import History, MemoryStore

PATH = "/v1/chat/completions"


class Store(MemoryStore):
    """One that may be made not to answer."""

    __slots__ = ("down",)

    def __init__(self) -> None:
        super().__init__()
        self.down: set[str] = set()

    def history(self, id_: str) -> History | None:
        if "read" in self.down:
            raise StoreUnavailableError
        return super().history(id_)

    def keep_history(self, *args: Any, **options: Any) -> bool:
        if "write" in self.down:
            raise StoreUnavailableError
        return super().keep_history(*args, **options)


class App:
    """A proxy in small: it lets the guard put a history in front, and answers `reply`; `during` is done between the two."""

    def __init__(self, settings: Settings) -> None:
        self.store = Store()
        self.seen: Counter[str] = Counter()
        holding = Holding.if_wanted(settings, self.store, lambda outcome: self.seen.update([outcome]))
        assert holding
        self.holding = holding
        self.outer = HeldReplies(self._serve, holding)
        self.reply: Any = answer()
        self.status = 200
        self.during: Any = None
        self.sent: list[Any] = []

    async def ask(self, *messages: Any, session: str = "chat", owner: str = "ann") -> str | None:
        """One request; what is said of its history."""
        metadata = {"user_api_key_hash": owner, "user_api_key_auth": UserAPIKeyAuth(api_key="k"), "session_id": session}
        self.data = {"model": "m", "messages": list(messages), "metadata": metadata if owner else {"session_id": session}}
        self.note: dict[str, Any] = {}
        await self.outer({"type": "http", "path": PATH, "headers": []}, None, self._take)  # type: ignore[arg-type]
        return self.note.get("history")

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        data, note = self.data, self.note
        await self.holding.begin(data, note, "openai.chat")
        self.sent = data["messages"]
        if self.during:
            doing, self.during = self.during, None
            await doing()
            self.data, self.note = data, note
        body = json.dumps({"choices": [{"message": self.reply, "finish_reason": "stop"}]}).encode()
        await send({"type": "http.response.start", "status": self.status, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": body[:9], "more_body": True})
        await send({"type": "http.response.body", "body": body[9:]})

    async def _take(self, message: Any) -> None:
        pass


@pytest.fixture
def app() -> App:
    return App(Settings(sessions={"history": True}, encryption_key=Fernet.generate_key().decode()))


def test_without_a_key_it_stays_off_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    for key in ("", "none"):
        app = App(Settings(sessions={"history": True}, encryption_key=key))
        assert asyncio.run(app.ask(say("user", "One"))) == "off"
        assert app.seen == {"off": 1}
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 2
    assert all("TOKEN_GUARD_ENCRYPTION_KEY" in error for error in errors)


def test_it_is_off_unless_it_is_asked_for_and_needs_the_records() -> None:
    assert Holding.if_wanted(Settings(), MemoryStore(), print) is None
    with pytest.raises(ConfigError, match=r"sessions\.enabled"):
        Settings.load({"sessions": {"history": True, "enabled": False}})


def test_no_key_of_encryption_is_shown() -> None:
    assert "secret" not in repr(Settings(encryption_key="secret"))


def test_a_client_without_a_key_of_the_proxys_has_no_history(app: App) -> None:
    for _ in range(2):
        assert asyncio.run(app.ask(say("user", "One"), owner="")) == "no key"
        assert app.sent == [say("user", "One")]


def test_keys_are_apart(app: App) -> None:
    asyncio.run(app.ask(say("user", "One")))
    assert asyncio.run(app.ask(say("user", "Two"), owner="bob")) == "started"
    assert asyncio.run(app.ask(say("user", "Three"))) == "added;messages=2"


def test_a_store_that_cannot_be_read_lets_the_request_go_on_and_the_gap_is_known(app: App) -> None:
    asyncio.run(app.ask(say("user", "One")))
    app.store.down = {"read", "write"}
    assert asyncio.run(app.ask(say("user", "Two"))) == "unavailable"
    assert app.sent == [say("user", "Two")]
    app.store.down = set()
    assert asyncio.run(app.ask(say("user", "Three"))) == "incomplete"
    assert app.sent == [say("user", "Three")]
    whole = [say("user", "One"), answer(), say("user", "Two"), answer(), say("user", "Four")]
    assert asyncio.run(app.ask(*whole)) == "sent"
    assert asyncio.run(app.ask(say("user", "Five"))) == "added;messages=6"
    assert app.seen["lost"] == 2


def test_an_exchange_that_cannot_be_written_is_missing_and_that_is_known(app: App) -> None:
    asyncio.run(app.ask(say("user", "One")))
    app.store.down = {"write"}
    assert asyncio.run(app.ask(say("user", "Two"))) == "added;messages=2"
    app.store.down = set()
    assert asyncio.run(app.ask(say("user", "Three"))) == "incomplete"


def test_a_request_without_an_answer_adds_nothing(app: App) -> None:
    asyncio.run(app.ask(say("user", "One")))
    app.status = 500
    asyncio.run(app.ask(say("user", "Two")))
    app.status = 200
    assert asyncio.run(app.ask(say("user", "Three"))) == "added;messages=2"
    assert app.sent == [say("user", "One"), answer(), say("user", "Three")]


def test_two_requests_at_once_are_both_held(app: App) -> None:
    async def both() -> None:
        await app.ask(say("user", "One"))

        async def between() -> None:
            await app.ask(say("user", "Two"))

        app.during = between
        await app.ask(say("user", "Three"))
        assert await app.ask(say("user", "Four")) == "added;messages=6"

    asyncio.run(both())
    assert [message["content"] for message in app.sent if message["role"] == "user"] == ["One", "Two", "Three", "Four"]


def test_a_session_that_is_deleted_while_it_is_answered_stays_deleted(app: App) -> None:
    async def deleted() -> None:
        await app.ask(say("user", "One"))

        async def between() -> None:
            assert all(app.store.forget(id_) for id_ in list(app.store._histories))

        app.during = between
        await app.ask(say("user", "Two"))
        assert await app.ask(say("user", "Three")) == "started"

    asyncio.run(deleted())


def test_a_conversation_that_grows_too_long_is_held_no_more() -> None:
    settings = Settings(sessions={"history": True, "history_bytes": 2_000}, encryption_key=Fernet.generate_key().decode())
    app = App(settings)
    asyncio.run(app.ask(say("user", "One")))
    asyncio.run(app.ask(say("user", " ".join(str(number * number) for number in range(2_000)))))
    assert asyncio.run(app.ask(say("user", "Three"))) == "incomplete"


def test_what_another_key_sealed_is_not_read(app: App, caplog: pytest.LogCaptureFixture) -> None:
    asyncio.run(app.ask(say("user", "One")))
    other = App(Settings(sessions={"history": True}, encryption_key=Fernet.generate_key().decode()))
    other.store = app.store
    other.holding._histories._store = app.store
    assert asyncio.run(other.ask(say("user", "Two"))) == "incomplete"
    assert "another encryption_key" in caplog.text
