"""An upper bound on media is a reason to compact early, never a reason to refuse or to cut what stays."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from token_guard import fit
from token_guard.errors import ContextOverflowError

PAGES = 500
PDF = base64.b64encode(b"%%PDF-1.4\n<</Type /Pages /Kids [] /Count %d>>" % PAGES + bytes(9_000)).decode()
DOCUMENT = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}}


def _asked(question: str, *before: dict[str, Any]) -> dict[str, Any]:
    content = [DOCUMENT, {"type": "text", "text": question}]
    return {"model": "claude-sonnet-4-5", "max_tokens": 4_096, "messages": [*before, {"role": "user", "content": content}]}


def test_a_request_that_only_an_estimate_of_media_makes_too_large_is_forwarded_untouched() -> None:
    request = _asked("What is the notice period?")
    done = fit(request, api="anthropic.messages")
    assert done.request is request
    assert done.report.tokens_after > done.report.limit.max_input_tokens
    assert "provider decides" in done.report.note


def test_what_may_go_goes_before_such_a_request_is_forwarded() -> None:
    talk = [message for i in range(60) for message in (_said("user", i), _said("assistant", i))]
    request = _asked("What is the notice period?", *talk)
    done = fit(request, api="anthropic.messages")
    assert done.report.action == "compacted"
    assert done.request["messages"][-1] == request["messages"][-1]
    assert done.request["max_tokens"] == 4_096


@pytest.mark.parametrize("cap", [None, 10_000_000])
def test_a_number_that_holds_an_upper_bound_is_called_a_bound(cap: int | None) -> None:
    file = {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PDF}"}}
    words = [{"role": "user", "content": f"{n}: " + "the ledger of the month " * 400} for n in range(40)]
    request = {"model": "gpt-4.1", "messages": [*words, {"role": "user", "content": [file]}]}
    assert fit(request, max_input_tokens=cap).report.counted == "bound"
    plain = {"model": "gpt-4.1", "messages": words}
    tokens = fit(plain, max_input_tokens=150_000).report
    assert (tokens.action, tokens.counted) == ("none", "exact")


def test_a_request_whose_text_alone_is_too_large_is_refused() -> None:
    with pytest.raises(ContextOverflowError):
        fit({**_asked("What?"), "system": "Follow the rule. " * 60_000}, api="anthropic.messages")


def test_a_reply_gives_way_to_what_is_counted_beside_such_media() -> None:
    request = _asked("What? " + "The ledger of the month and its lines. " * 13_000)
    done = fit({**request, "max_tokens": 64_000}, api="anthropic.messages", max_input_tokens=None)
    assert "provider decides" in done.report.note
    assert done.request["max_tokens"] < 64_000
    assert done.request["messages"] == request["messages"]


def _said(role: str, number: int) -> dict[str, Any]:
    return {"role": role, "content": f"{number}: " + "the ledger of the month and its lines " * 60}
