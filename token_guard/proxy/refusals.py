"""The errors that LiteLLM's router and clients see when the guard refuses a request; the router decides by their classes."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, wraps
from typing import Any, Final

from litellm.exceptions import ContextWindowExceededError, InternalServerError, ServiceUnavailableError
from litellm.litellm_core_utils import exception_mapping_utils

from token_guard.errors import ContextOverflowError
from token_guard.limits.overflows import MAX_CHARACTERS, overflow_of
from token_guard.proxy.said import overflow_in, words_of

__all__ = [
    "WORDINGS",
    "OverflowRefusedError",
    "RepeatedRefusalError",
    "Wording",
    "failed",
    "is_context_error",
    "is_own",
    "overflow",
    "recognise_context_errors",
    "repeated",
    "unanswered",
]


_MAPPING: Final = re.compile(r"_map_\w+")
"""The names of litellm's functions that make its own exceptions of a provider's, one for each kind of provider."""


@dataclass(frozen=True, slots=True)
class Wording:
    """How a wire format says that a request is too long: the field that is to blame, and words that its clients look for."""

    param: str
    words: str = "{error}"

    def say(self, error: ContextOverflowError) -> str:
        return self.words.format(error=error, tokens=error.tokens, allowed=error.allowed)


WORDINGS: Mapping[str, Wording] = {
    "openai.chat": Wording("messages"),
    "anthropic.messages": Wording("messages", "prompt is too long: {tokens} tokens > {allowed} maximum. {error}"),
    "openai.responses": Wording("input", "Your input exceeds the context window of this model. {error}"),
    "openai.completions": Wording("prompt"),
    "gemini.contents": Wording(
        "contents", "The input token count ({tokens}) exceeds the maximum number of tokens allowed ({allowed}). {error}"
    ),
    "openai.embeddings": Wording("input"),
}
"""By the names of the formats. Claude Code compacts by itself when it reads Anthropic's words, Codex by OpenAI's error code."""


class OverflowRefusedError(ContextWindowExceededError):
    """The guard's own refusal. Its words stay as they are: litellm's router adds to those of other errors what is of no use here."""

    def __init__(self, *, words: str, param: str, model: str, llm_provider: str) -> None:
        self.words = words
        super().__init__(message=words, model=model, llm_provider=llm_provider)
        self.param = param

    @property
    def message(self) -> str:
        return self.words

    @message.setter
    def message(self, _written: str) -> None:
        """Nothing: see above."""


def overflow(
    error: ContextOverflowError, provider: str = "", *, api: str = "openai.chat", headers: Mapping[str, str] | None = None
) -> OverflowRefusedError:
    """The 400 for a request that cannot fit: never retried, and a cause for the user's `context_window_fallbacks`."""
    wording, own = WORDINGS[api], _own_class()
    more = {} if own is OverflowRefusedError else {"headers": headers or {}}
    return own(words=wording.say(error), param=wording.param, model=error.model, llm_provider=provider, **more)


def is_own(error: BaseException) -> bool:
    """Whether the guard itself refused, or said again what a provider had: nothing is to be learned from it."""
    return isinstance(error, (OverflowRefusedError, RepeatedRefusalError))


def failed(model: str, provider: str = "") -> InternalServerError:
    """The 500 for a request that the guard failed on; `num_retries=0` tells the router to give up at once."""
    message = "token_guard failed on this request, and its setting on_error is 'reject'."
    return InternalServerError(message=message, model=model, llm_provider=provider, num_retries=0)


def unanswered(model: str) -> ServiceUnavailableError:
    """The 503 for a model that asked for an original and could not be asked again with it; clients try such a request again."""
    message = "The model asked for the original of a compacted output, and the request that brings it failed. Please try again."
    return ServiceUnavailableError(message=message, model=model, llm_provider="")


class RepeatedRefusalError(ContextWindowExceededError):
    """A provider's own refusal once more, for an attempt that it need not be asked about."""


def repeated(message: str, model: str, provider: str = "") -> RepeatedRefusalError:
    """The provider's words, said again."""
    return RepeatedRefusalError(message=message, model=model, llm_provider=provider)


def is_context_error(error: Exception) -> bool:
    """Whether litellm took the provider's refusal for one of a request that is too long."""
    return isinstance(error, ContextWindowExceededError)


def recognise_context_errors() -> None:
    """Teach litellm the refusals that it takes for other errors, after which it would not try again; where it has the functions.

    It recognises them by the exception's text, in one static method, and in one function for each provider or by phrases of that
    provider's own. All are wrapped once: the first knows more phrases, the others look at what the exception holds beside its text.
    """
    checkers = getattr(exception_mapping_utils, "ExceptionCheckers", None)
    _wrap(checkers, "is_error_str_context_window_exceeded", lambda known: staticmethod(_recognising(known)))
    for name in [name for name in vars(exception_mapping_utils) if _MAPPING.fullmatch(name)]:
        _wrap(exception_mapping_utils, name, _mapping)


def _wrap(place: Any, name: str, wrapping: Callable[[Callable[..., Any]], Any]) -> None:
    known = getattr(place, name, None)
    if known is not None and not hasattr(known, "__wrapped__"):
        setattr(place, name, wrapping(known))


def _recognising(known: Callable[[str], bool]) -> Callable[[str], bool]:
    @wraps(known)
    def is_context_window_exceeded(error_str: str) -> bool:
        return bool(known(error_str)) or overflow_of(str(error_str)) is not None

    return is_context_window_exceeded


def _mapping(known: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which raises litellm's exception for one of a provider's or returns, for one that says by its body what it is."""

    @wraps(known)
    def mapped(*args: Any, **arguments: Any) -> Any:
        try:
            done = known(*args, **arguments)
        except ContextWindowExceededError:
            raise
        except Exception:
            _raise_overflow(**arguments)
            raise
        _raise_overflow(**arguments)
        return done

    return mapped


def _raise_overflow(original_exception: Any = None, model: Any = "", custom_llm_provider: Any = "", **_more: Any) -> None:
    if isinstance(original_exception, BaseException) and overflow_in(original_exception):
        raise ContextWindowExceededError(
            message=words_of(original_exception)[:MAX_CHARACTERS], model=str(model), llm_provider=str(custom_llm_provider or "")
        ) from original_exception


def _own_class() -> type[OverflowRefusedError]:
    """In the proxy, whose handlers keep status, code and headers only of its own exceptions, one of these."""
    proxy_exception = getattr(sys.modules.get("litellm.proxy.proxy_server"), "ProxyException", None)
    return _as_proxy_exception(proxy_exception) if proxy_exception else OverflowRefusedError


@cache
def _as_proxy_exception(proxy_exception: type[Exception]) -> type[OverflowRefusedError]:
    class Body(proxy_exception):  # type: ignore[misc, valid-type]
        def __init__(self, *args: Any) -> None:
            # The end of the openai error's chain of constructors: ProxyException's own wants other arguments.
            Exception.__init__(self, *args)

    class ProxyOverflowRefusedError(OverflowRefusedError, Body):
        def __init__(self, *, headers: Mapping[str, str], **more: Any) -> None:
            super().__init__(**more)
            self.code = "400"
            self.headers: dict[str, str] = dict(headers)
            self.provider_specific_fields = None  # litellm's /v1/messages reads it of every ProxyException

        def to_dict(self) -> dict[str, Any]:
            return {"message": self.words, "type": "invalid_request_error", "param": self.param, "code": "context_length_exceeded"}

    return ProxyOverflowRefusedError
