"""Long Anthropic sessions of every kind of tool and block: they fit, and the endpoint would take them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from anthropic_rules import anthropic_refusal, thinking_of

from token_guard import fit

Wire = dict[str, Any]


def listing(number: int, lines: int = 60) -> str:
    return "\n".join(f"def handler_{number}_{line}(request): return lookup_{number * 7 + line}(request)" for line in range(lines))


def text(words: str) -> Wire:
    return {"type": "text", "text": words}


def user(*blocks: Wire) -> Wire:
    return {"role": "user", "content": list(blocks)}


def said(*blocks: Wire) -> Wire:
    return {"role": "assistant", "content": list(blocks)}


def use(call_id: str, number: int, **more: Any) -> Wire:
    return {"type": "tool_use", "id": call_id, "name": "read", "input": {"path": f"src/module_{number}.py"}, **more}


def gave(call_id: str, content: Any, **more: Any) -> Wire:
    return {"type": "tool_result", "tool_use_id": call_id, "content": content, **more}


def picture(number: int) -> Wire:
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": f"iVBORw0KGgo{number:09}"}}


def document(number: int) -> Wire:
    return {"type": "document", "title": f"t{number}", "source": {"type": "text", "media_type": "text/plain", "data": listing(number)}}


def search(number: int) -> Wire:
    return {"type": "search_result", "source": f"https://example.com/{number}", "title": "t", "content": [text(listing(number)), text("b")]}


def thought(number: int) -> Wire:
    return {"type": "thinking", "thinking": f"hm {number}", "signature": f"EqQB{number}"}


def server(name: str, call_id: str, result: Any) -> tuple[Wire, Wire]:
    call = {"type": "server_tool_use", "id": call_id, "name": name, "input": {"query": call_id}}
    return call, {"type": f"{name}_tool_result", "tool_use_id": call_id, "content": result}


def found(number: int) -> list[Wire]:
    return [
        {"type": "web_search_result", "url": f"https://x/{number}", "title": "t", "encrypted_content": listing(number), "page_age": None}
    ]


def mcp(call_id: str, number: int) -> tuple[Wire, Wire]:
    call = {"type": "mcp_tool_use", "id": call_id, "name": "find", "server_name": "s", "input": {"query": "q"}}
    return call, {"type": "mcp_tool_result", "tool_use_id": call_id, "is_error": False, "content": [text(listing(number))]}


TURNS: dict[str, Callable[[int, str], tuple[Wire, ...]]] = {
    "text": lambda n, i: (said(use(i, n)), user(gave(i, listing(n)))),
    "failed": lambda n, i: (said(use(i, n)), user(gave(i, [text(listing(n)), text("no such file")], is_error=True))),
    "blocks": lambda n, i: (said(use(i, n)), user(gave(i, [text(listing(n)), picture(n), document(n), search(n)]))),
    "pictures": lambda n, i: (said(use(i, n)), user(gave(i, [picture(n)]), text(f"and {n}?"))),
    "parallel": lambda n, i: (said(use(i, n), use(f"{i}b", n)), user(gave(f"{i}b", listing(n)), gave(i, listing(n)[9:]))),
    "thinking": lambda n, i: (said(thought(n), use(i, n)), user(gave(i, listing(n)))),
    "redacted": lambda n, i: (said({"type": "redacted_thinking", "data": f"E{n}"}, use(i, n)), user(gave(i, listing(n)))),
    "search": lambda n, i: (said(thought(n), *server("web_search", i, found(n)), text(f"found {n}")), user(text(f"more of {n}"))),
    "code": lambda n, i: (
        said(*server("bash_code_execution", i, {"type": "bash_code_execution_result", "stdout": listing(n)}), text(f"ran {n}")),
        user(text(i)),
    ),
    "mcp": lambda n, i: (said(*mcp(i, n), text(f"found {n}")), user(text(f"more of {n}"))),
    "documents": lambda n, i: (said(text(f"read {n}")), user(document(n), search(n), text(f"compare {n}"))),
    "system": lambda n, i: (said(use(i, n)), user(gave(i, listing(n))), {"role": "system", "content": f"{n} tokens are left."}),
}


@pytest.mark.parametrize("turn", TURNS.values(), ids=TURNS.keys())
@pytest.mark.parametrize("budget", [24_000, 8_000])
def test_a_session_of_any_kind_of_block_fits_and_breaks_no_rule(turn: Any, budget: int) -> None:
    messages = [user(text("Mend handler_3_1.")), *(wire for number in range(60) for wire in turn(number, f"toolu_{number}"))]
    request = {"model": "claude-sonnet-4-5", "max_tokens": 1_024, "system": "Never push to main.", "messages": messages}
    assert anthropic_refusal(request) is None
    done = fit(request, max_input_tokens=budget)
    forwarded = done.request["messages"]
    assert done.report.action == "compacted"
    assert anthropic_refusal(done.request) is None
    assert [forwarded[-2], *blocks_of(forwarded[-1])[: len(blocks_of(messages[-1]))]] == [messages[-2], *blocks_of(messages[-1])]
    assert set(thinking_of(forwarded)) <= set(thinking_of(messages))
    assert [wire for wire in forwarded if wire["role"] == "system"] == [wire for wire in messages if wire["role"] == "system"]
    assert all(server_blocks(wire) <= server_blocks_of(messages) for wire in forwarded)


def blocks_of(wire: Wire) -> list[Wire]:
    return wire["content"] if isinstance(wire["content"], list) else [text(wire["content"])]


def server_blocks(wire: Wire) -> set[str]:
    """The blocks that only the provider can write, as they are."""
    return {
        str(block) for block in blocks_of(wire) if block["type"].startswith(("server_", "mcp_")) or block["type"].endswith("_tool_result")
    }


def server_blocks_of(messages: list[Wire]) -> set[str]:
    return set().union(*map(server_blocks, messages))
