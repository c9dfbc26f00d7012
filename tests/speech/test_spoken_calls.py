"""Calls in an agent's words are read in every form that agents without tool messages use."""

from __future__ import annotations

import json
from typing import Any

import pytest

from token_guard.speech import spoken_call


@pytest.mark.parametrize(
    ("text", "name", "arguments"),
    [
        ("THOUGHT: look\n\n```mswea_bash_command\ncat a.py\n```\n", "mswea_bash_command", {"command": "cat a.py"}),
        ("First:\n```\nls\n```\nthen\n```sh\ncat <<EOF > b\nx\nEOF\n```", "sh", {"command": "cat <<EOF > b\nx\nEOF"}),
        ("Thought: prices\nAction: lookup\nAction Input: bolts M4", "lookup", {"input": "bolts M4"}),
        ("Action: lookup[bolts M4]", "lookup", {"input": "bolts M4"}),
        ("I read it.\n<read_file>\n<path>src/a.py</path>\n</read_file>", "read_file", {"path": "src/a.py"}),
        ("Now run\n<execute_bash>\npytest -q\n</execute_bash>", "execute_bash", {"command": "pytest -q"}),
        ("Thoughts\n<code>\nprint(search('x'))\n</code>", "code", {"command": "print(search('x'))"}),
        ('<tool_call>{"name": "find", "arguments": {"id": 7}}</tool_call>', "find", {"id": 7}),
    ],
)
def test_a_call_is_read_in_every_form(text: str, name: str, arguments: dict[str, Any]) -> None:
    spoken = spoken_call(text)
    assert spoken is not None
    assert (spoken.call.name, json.loads(spoken.call.arguments)) == (name, arguments)


def test_what_is_said_before_the_call_is_its_reason() -> None:
    spoken = spoken_call("The parser drops the sign.\n```bash\nsed -n 1,9p p.py\n```")
    assert spoken is not None
    assert spoken.words == "The parser drops the sign."


@pytest.mark.parametrize(
    "text",
    [
        "",
        "All done.",
        "```bash\nnever closed",
        "<tool_call>no json</tool_call>",
        "Action:",
        "<a><b></a>",
        "<abc>x</abc>",
        "```a\n" * 20_000,
        "<code>" * 20_000,
        "</abc>" * 20_000,
        "<abc><x>" * 20_000,
    ],
)
def test_words_that_call_nothing_are_no_call(text: str) -> None:
    assert spoken_call(text) is None
