"""The errors that LiteLLM's router and clients see when the guard refuses a request; the router decides by their classes."""

from __future__ import annotations

import sys
from functools import cache, wraps
from typing import Any

from litellm.exceptions import ContextWindowExceededError, InternalServerError
from litellm.litellm_core_utils import exception_mapping_utils

from token_guard.errors import ContextOverflowError
from token_guard.overflows import overflow_of

__all__ = ["failed", "is_context_error", "overflow", "recognise_context_errors", "repeated"]


def overflow(error: ContextOverflowError, provider: str = "") -> ContextWindowExceededError:
    """The 400 for a request that cannot fit: never retried, and a cause for the user's `context_window_fallbacks`."""
    return _overflow_class()(message=str(error), model=error.model, llm_provider=provider)


def failed(model: str, provider: str = "") -> InternalServerError:
    """The 500 for a request that the guard failed on; `num_retries=0` tells the router to give up at once."""
    message = "token_guard failed on this request, and its setting on_error is 'reject'."
    return InternalServerError(message=message, model=model, llm_provider=provider, num_retries=0)


def repeated(message: str, model: str, provider: str = "") -> ContextWindowExceededError:
    """A provider's own refusal once more, for an attempt that it need not be asked about."""
    return ContextWindowExceededError(message=message, model=model, llm_provider=provider)


def is_context_error(error: Exception) -> bool:
    """Whether litellm took the provider's refusal for one of a request that is too long."""
    return isinstance(error, ContextWindowExceededError)


def recognise_context_errors() -> None:
    """Teach litellm the refusals that it takes for other errors, after which it would not try again; where it has the function.

    It reads them in one static method, which is wrapped once.
    """
    checkers = getattr(exception_mapping_utils, "ExceptionCheckers", None)
    known = getattr(checkers, "is_error_str_context_window_exceeded", None)
    if checkers is None or known is None or hasattr(known, "__wrapped__"):
        return

    @wraps(known)
    def is_context_window_exceeded(error_str: str) -> bool:
        return known(error_str) or overflow_of(str(error_str)) is not None

    checkers.is_error_str_context_window_exceeded = staticmethod(is_context_window_exceeded)


def _overflow_class() -> type[ContextWindowExceededError]:
    proxy_exception = getattr(sys.modules.get("litellm.proxy.proxy_server"), "ProxyException", None)
    return _with_openai_body(proxy_exception) if proxy_exception else ContextWindowExceededError


@cache
def _with_openai_body(proxy_exception: type[Exception]) -> type[ContextWindowExceededError]:
    """A context error whose body is OpenAI's own: litellm's proxy writes the status where OpenAI writes the error code,
    unless the error is one of its `ProxyException`s, which write themselves."""

    class Body(proxy_exception):  # type: ignore[misc, valid-type]
        def __init__(self, *args: Any) -> None:
            # The end of the openai error's chain of constructors: ProxyException's own wants other arguments.
            Exception.__init__(self, *args)

        def to_dict(self) -> dict[str, Any]:
            return {"message": self.words, "type": "invalid_request_error", "param": "messages", "code": "context_length_exceeded"}

    class OverflowRefusedError(ContextWindowExceededError, Body):
        def __init__(self, message: str, model: str, llm_provider: str) -> None:
            super().__init__(message=message, model=model, llm_provider=llm_provider)
            self.words = message
            self.code = "400"
            self.headers: dict[str, str] = {}
            self.provider_specific_fields = None  # litellm's /v1/messages reads it of every ProxyException

    return OverflowRefusedError
