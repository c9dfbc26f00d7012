"""What is to be counted: the body of `POST /token-guard/count` as a value, opened once."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from token_guard.counting.templates import fill, fill_json

__all__ = ["SUBJECTS", "Asked", "BadRequestError", "asked_of"]

SUBJECTS: Final = ("text", "template", "messages", "request")
"""What a body may ask about, one of them. A text and a template are the same: variables are put into all."""

DEFAULT_MODEL: Final = "gpt-4o"
"""The model that is meant when neither the body nor the request in it names one, as on the command line."""

PLACE: Final = re.compile(r"\{\{\s*([\w.-]{1,100})\s*\}\}")
MAX_NAMES: Final = 100


class BadRequestError(ValueError):
    """A body that asks nothing that can be answered; the message says what is wrong and what is allowed."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be counted, for which model, with its variables put in; `request` is what it would be as a request."""

    model: str
    request: Mapping[str, Any] = field(repr=False)
    text: str | None = field(default=None, repr=False)
    """The text alone, where it is one."""
    api: str | None = None
    preview: bool = False
    background: bool = False
    """Whether it is to be a task, whose result is fetched later."""
    names: tuple[str, ...] = ()
    """The variables that it names."""
    missing: tuple[str, ...] = ()
    """Those of them that have no value: their places stay as they are."""


def asked_of(body: Mapping[str, Any]) -> Asked:
    """What a body asks; raises BadRequestError.

    >>> asked_of({"template": "Hello {{who}}, {{when}}", "variables": {"who": "Ann"}, "model": "gpt-4o"}).text
    'Hello Ann, {{when}}'
    """
    given = [name for name in SUBJECTS if body.get(name) is not None]
    if len(given) != 1:
        raise BadRequestError(f"count what? give one of {', '.join(SUBJECTS)}, not {' and '.join(given) or 'none of them'}")
    if body.get("preview") is True and body.get("background") is True:
        raise BadRequestError("a preview is answered at once, and not kept: ask without background")
    values, name, subject = _variables(body.get("variables")), given[0], body[given[0]]
    text = fill(subject, values) if isinstance(subject, str) and name in ("text", "template") else None
    request = _filled(subject, name, values) if text is None else {"messages": [{"role": "user", "content": text}]}
    named = _named(subject)
    return Asked(
        model=_model({**request, **_chosen(body)}),
        request=_with_tools(request, body),
        text=text,
        api=_api(body.get("api")),
        preview=body.get("preview") is True,
        background=body.get("background") is True,
        names=named,
        missing=tuple(each for each in named if each not in values),
    )


def _named(subject: Any) -> tuple[str, ...]:
    """The variables that a template names, in their order."""
    text = subject if isinstance(subject, str) else json.dumps(subject, ensure_ascii=False)
    return tuple(dict.fromkeys(PLACE.findall(text)))[:MAX_NAMES]


def _request(subject: Any, name: str) -> Mapping[str, Any]:
    if name == "messages" and isinstance(subject, list):
        return {"messages": subject}
    if name == "request" and isinstance(subject, Mapping):
        return subject
    expected = {"messages": "a list of messages", "request": "an object"}.get(name, "a string")
    raise BadRequestError(f"{name} is {expected}, not {type(subject).__name__}")


def _filled(subject: Any, name: str, values: Mapping[str, str]) -> Mapping[str, Any]:
    request = _request(subject, name)
    filled: Mapping[str, Any] = json.loads(fill_json(json.dumps(request), values)) if values else request
    return filled


def _with_tools(request: Mapping[str, Any], body: Mapping[str, Any]) -> Mapping[str, Any]:
    tools = body.get("tools")
    if tools is not None and not isinstance(tools, list):
        raise BadRequestError(f"tools are a list, not {type(tools).__name__}")
    return {**request, "tools": tools} if tools else request


def _chosen(body: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"model": body["model"]} if body.get("model") else {}


def _model(named: Mapping[str, Any]) -> str:
    model = named.get("model") or DEFAULT_MODEL
    if not isinstance(model, str) or not model.strip():
        raise BadRequestError("model is a name, such as gpt-4o")
    return model


def _api(api: Any) -> str | None:
    if api is None or isinstance(api, str):
        return api
    raise BadRequestError("api is the name of a format, such as openai.chat")


def _variables(values: Any) -> Mapping[str, str]:
    if values is None:
        return {}
    if not isinstance(values, Mapping) or not all(isinstance(value, (str, int, float)) for value in values.values()):
        raise BadRequestError("variables are an object of names and their texts")
    return {str(name): str(value) for name, value in values.items()}
