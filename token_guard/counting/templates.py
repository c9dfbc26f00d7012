"""Templates: texts with `{{name}}`, or `{name}`, in the place of what is put in later."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

__all__ = ["fill", "fill_json", "named_in"]

PLACE = r"\{\{\s*(%s)\s*\}\}|\{(%s)\}"


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with every `{{name}}` and `{name}` of a given value replaced, all at once; other braces stay.

    >>> fill("{{a}} {b} {{ a }} {} {{c}}", {"a": "{b}", "b": "3"})
    '{b} 3 {b} {} {{c}}'
    """
    if not values:
        return text
    names = "|".join(map(re.escape, values))
    return re.sub(PLACE % (names, names), lambda found: values[found[1] or found[2]], text)


def fill_json(text: str, values: Mapping[str, str]) -> str:
    r"""The same inside JSON: a value may hold what JSON has to escape.

    >>> fill_json('["{{x}}"]', {"x": 'a "quote"'})
    '["a \\"quote\\""]'
    """
    return fill(text, {name: json.dumps(value)[1:-1] for name, value in values.items()})


def named_in(text: str, values: Mapping[str, str]) -> dict[str, str]:
    """The variables that a template names: those whose change changes what it becomes.

    >>> named_in("Hello {{who}}", {"who": "Ann", "when": "now"})
    {'who': 'Ann'}
    """
    return {name: value for name, value in values.items() if fill(text, {name: ""}) != text}
