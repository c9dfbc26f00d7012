"""What a provider said is found wherever an exception holds it, for bodies of every shape that servers send."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx
import litellm
import openai
import pytest
from litellm.litellm_core_utils.exception_mapping_utils import exception_type

from token_guard.limits.overflows import Overflow
from token_guard.proxy.refusals import recognise_context_errors
from token_guard.proxy.said import overflow_in, texts_of, words_of

WORDS = "prompt is too long: 9000 tokens > 8000 maximum"
BODIES: Mapping[str, Any] = {
    "an error with a message": {"error": {"message": WORDS, "type": "invalid_request_error"}},
    "a string as error": {"error": WORDS, "error_type": "validation"},
    "a message at the top": {"object": "error", "message": WORDS, "code": 400},
    "a detail": {"detail": WORDS},
    "a list of details": {"detail": [{"loc": ["body", "inputs"], "msg": WORDS}]},
    "JSON inside a message": {"error": {"message": json.dumps({"error": {"message": WORDS}})}},
    "a list of errors": [{"error": {"code": 400, "message": WORDS}}],
    "plain text": WORDS,
    "bytes": WORDS.encode(),
    "JSON as bytes": json.dumps({"error": WORDS}).encode(),
}


class Silent(Exception):  # noqa: N818 - it is what it is
    """An error whose own text says nothing."""

    def __init__(self, **held: Any) -> None:
        super().__init__()
        self.__dict__.update(held)


class Unread:
    """The response of a stream that nobody has read."""

    @property
    def text(self) -> str:
        raise httpx.ResponseNotRead


def response(body: Any) -> httpx.Response:
    content = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return httpx.Response(400, content=content, request=httpx.Request("POST", "http://127.0.0.1/v1"))


def refused(body: Any) -> openai.APIStatusError:
    """The exception of the OpenAI SDK for a response, without any text of the provider's."""
    answer = response(body)
    try:
        decoded = json.loads(answer.text)
    except ValueError:
        decoded = answer.text
    data = decoded.get("error", decoded) if isinstance(decoded, dict) else decoded
    return openai.BadRequestError("Error code: 400", response=answer, body=data)


@pytest.mark.parametrize("shape", BODIES)
def test_an_exception_without_text_speaks_by_its_body(shape: str) -> None:
    assert overflow_in(Silent(body=BODIES[shape])) == Overflow(8_000, 9_000)


@pytest.mark.parametrize("shape", BODIES)
def test_an_exception_without_text_and_body_speaks_by_its_response(shape: str) -> None:
    error = Silent(response=response(BODIES[shape]))
    assert overflow_in(error) == Overflow(8_000, 9_000)
    assert WORDS in words_of(error)


@pytest.mark.parametrize("shape", BODIES)
def test_what_caused_an_exception_speaks_for_it(shape: str) -> None:
    error = Silent()
    error.__cause__ = refused(BODIES[shape])
    assert overflow_in(error) == Overflow(8_000, 9_000)
    assert WORDS in words_of(error)


def test_the_refusal_of_the_attempt_before_is_not_this_one() -> None:
    """A fallback fails while the error of the attempt before it is being handled."""
    own = litellm.BadRequestError(message="no such tool", model="b", llm_provider="openai")
    own.__context__ = openai.BadRequestError("no such tool", response=response({}), body=None)
    own.__context__.__context__ = litellm.ContextWindowExceededError(message=WORDS, model="a", llm_provider="openai")
    assert overflow_in(own) is None


@pytest.mark.parametrize(
    "odd", [{"body": 7}, {"body": {1: {2}}}, {"response": 3}, {"response": Unread()}, {"message": b"\xff"}, {"body": []}]
)
def test_odd_exceptions_say_nothing_and_do_no_harm(odd: Mapping[str, Any]) -> None:
    assert overflow_in(Silent(**odd)) is None
    assert isinstance(words_of(Silent(**odd)), str)
    assert all(isinstance(text, str) for text in texts_of(Silent(**odd)))


def mapped(error: Exception, provider: str) -> Exception:
    """What litellm makes of a provider's exception."""
    recognise_context_errors()
    try:
        exception_type(model="m", original_exception=error, custom_llm_provider=provider)
    except Exception as made:
        return made
    raise AssertionError("litellm always raises")


@pytest.mark.parametrize(
    "provider", ["openai", "azure", "together_ai", "anthropic", "bedrock", "vertex_ai", "ollama", "openrouter", "cohere", "xai", "a-server"]
)
@pytest.mark.parametrize("shape", BODIES)
def test_litellm_takes_it_for_what_it_is_and_shows_the_words(shape: str, provider: str) -> None:
    error = mapped(refused(BODIES[shape]), provider)
    assert isinstance(error, litellm.ContextWindowExceededError)
    assert WORDS in str(error)


def test_litellm_takes_other_errors_as_before() -> None:
    error = mapped(refused({"error": "tools are not supported"}), "openai")
    assert isinstance(error, litellm.BadRequestError)
    assert not isinstance(error, litellm.ContextWindowExceededError)
