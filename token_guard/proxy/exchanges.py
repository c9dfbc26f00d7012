"""One exchange of an ASGI application: a body that is asked again, and an answer that is held back to be looked at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any, TypeAlias

__all__ = ["Answer", "Application", "Message", "Receive", "Send", "answered", "auth_of", "body_of", "headers_of"]

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]

_LENGTH = b"content-length"


class Answer:
    """What an application has answered, until it is sent."""

    def __init__(self) -> None:
        self._start: Message = {"type": "http.response.start", "status": HTTPStatus.INTERNAL_SERVER_ERROR, "headers": []}
        self._chunks: list[bytes] = []

    async def take(self, message: Message) -> None:
        """One message of the application's."""
        if message["type"] == "http.response.start":
            self._start = message
        elif message["type"] == "http.response.body":
            self._chunks.append(message.get("body", b""))

    @property
    def is_ok(self) -> bool:
        return bool(self._start["status"] == HTTPStatus.OK)

    @property
    def body(self) -> bytes:
        return b"".join(self._chunks)

    async def send(self, send: Send, *, headers: list[tuple[bytes, bytes]] | None = None, body: bytes | None = None) -> None:
        """Send it on, with further headers, and with another body where one is given."""
        payload = self.body if body is None else body
        kept = [(name, value) for name, value in self._start.get("headers", ()) if name.lower() != _LENGTH]
        told = [*kept, (_LENGTH, str(len(payload)).encode()), *(headers or ())]
        await send({**self._start, "headers": told})
        await send({"type": "http.response.body", "body": payload})


async def body_of(receive: Receive) -> bytes:
    """The whole body of a request."""
    body = bytearray()
    while True:
        message = await receive()
        body.extend(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body"):
            return bytes(body)


async def answered(app: Application, scope: Message, body: bytes, receive: Receive) -> Answer:
    """What an application answers to a request with this body; `receive` tells when its client has gone."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def told() -> Message:
        return waiting.pop() if waiting else await receive()

    headers = [(name, value) for name, value in scope["headers"] if name.lower() != _LENGTH]
    answer = Answer()
    scope.setdefault("state", {})  # shared with the scope below: the application leaves there whom it has let in
    # the application writes into its scope what it has made of the body
    await app({**scope, "headers": [*headers, (_LENGTH, str(len(body)).encode())]}, told, answer.take)
    return answer


def headers_of(scope: Message) -> dict[str, str]:
    """The headers of a request, as the proxy hands them to its hooks."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


def auth_of(scope: Message) -> Any:
    """What the proxy has made of the key of a request that it has answered; None where this LiteLLM leaves it nowhere."""
    return getattr((scope.get("state") or {}).get("principal"), "source_key", None)
