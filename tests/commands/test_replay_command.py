"""`token-guard replay` on logs of every form."""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from token_guard.commands.engines import Where
from token_guard.commands.inputs import InputError
from token_guard.commands.replay import replay

SYSTEM = {"role": "system", "content": "You answer questions about the code base."}


def _turns(number: int, size: int = 300) -> list[dict[str, Any]]:
    turns = [
        ({"role": "user", "content": f"Question {n}?"}, {"role": "assistant", "content": f"Answer {n}. " + f"word{n} " * size})
        for n in range(number)
    ]
    return [SYSTEM, *(message for turn in turns for message in turn)]


def _session(number: int = 12, **meta: Any) -> dict[str, Any]:
    return {"id": "s1", "messages": _turns(number), "model": "gpt-4o", "meta": meta}


def _written(path: Path, *lines: Any) -> str:
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines), encoding="utf-8")
    return str(path)


def _run(*names: str, **options: Any) -> Any:
    given = {"model": None, "max_input_tokens": None, "settings": None, "against": None, "html": None, "where": Where(workers=1), **options}
    return replay(names, **given)


def _forms() -> Iterator[tuple[str, Any]]:
    request = {"model": "gpt-4o", "messages": _turns(1)}
    yield "plain", request
    yield "messages alone", request["messages"]
    yield "OpenAI batch", {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": request}
    yield (
        "LiteLLM spend log",
        {"request_id": "r", "model": "gpt-4o", "messages": json.dumps(request["messages"]), "startTime": "2026-11-27T10:00:00Z"},
    )
    yield "LiteLLM spend log with the request", {"model": "gpt-4o", "messages": {}, "proxy_server_request": json.dumps(request)}
    yield "Responses", {"model": "gpt-4o", "input": "Where?", "instructions": "Be brief."}


@pytest.mark.parametrize("line", [pytest.param(line, id=name) for name, line in _forms()])
def test_every_form_of_log_is_read(tmp_path: Path, line: Any) -> None:
    replayed = _run(_written(tmp_path / "log.jsonl", line))
    (total,) = replayed.totals
    assert (total.model, total.requests, replayed.errors) == ("gpt-4o", 1, ())


def test_gzip_is_read_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(gzip.compress(json.dumps({"messages": _turns(1)}).encode()))
    assert _run(str(path)).totals[0].requests == 1


def test_a_session_is_replayed_request_by_request(tmp_path: Path) -> None:
    replayed = _run(_written(tmp_path / "log.jsonl", _session(12)), max_input_tokens=2_500)
    (total,) = replayed.totals
    assert (total.sessions, total.requests) == (1, 12)
    assert 0 < total.overflowing < 12
    assert total.after.actions["compacted"] > 0
    assert total.after.tokens < total.before.tokens
    assert total.after.quality.compacted == total.after.actions["compacted"]
    assert sum(total.sizes.values()) == 12


def test_what_cannot_be_made_to_fit_would_be_refused(tmp_path: Path) -> None:
    log = _written(
        tmp_path / "log.jsonl",
        {"model": "gpt-4o", "messages": [{"role": "system", "content": "rule " * 5_000}, {"role": "user", "content": "Hi"}]},
    )
    replayed = _run(log, max_input_tokens=1_000)
    assert replayed.totals[0].after.actions["refused"] == 1
    assert any("1 requests would be refused" in line for line in replayed.remarks())


def test_broken_lines_are_named_by_number_and_the_rest_is_replayed(tmp_path: Path) -> None:
    log = _written(tmp_path / "log.jsonl", {"messages": _turns(1)}, '{"messages": [', {"object": "list"}, {"messages": _turns(1)})
    replayed = _run(log, str(tmp_path / "absent.jsonl"))
    assert replayed.totals[0].requests == 2
    assert replayed.found
    assert [error.removeprefix(str(tmp_path)) for error in replayed.errors] == [
        "/log.jsonl:2: broken JSON (Expecting value)",
        "/log.jsonl:3: no request: no messages, contents, input or prompt in it",
        "/absent.jsonl: No such file or directory",
    ]


def test_a_report_that_cannot_be_written_is_refused_before_anything_is_replayed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no folder"):
        _run(str(tmp_path / "absent.jsonl"), html=str(tmp_path / "absent" / "report.html"))


def test_two_versions_cannot_both_read_standard_input() -> None:
    with pytest.raises(InputError, match="standard input can be read once"):
        _run("-", against=sys.executable)


def test_the_bill_says_when_the_guard_would_cost_more(tmp_path: Path) -> None:
    """Before a long session that fits, compacting at every turn breaks the cache."""
    settings = tmp_path / "eager.yaml"
    settings.write_text("{trigger: 0.02, target: 0.015, thresholds: fixed}", encoding="utf-8")
    eager = _run(_written(tmp_path / "log.jsonl", _session(40)), settings=str(settings), model="deepseek/deepseek-chat")
    usual = _run(str(tmp_path / "log.jsonl"), model="deepseek/deepseek-chat")
    assert usual.totals[0].after.bill == usual.totals[0].before.bill
    assert eager.totals[0].after.actions["compacted"] > 0
    more = eager.totals[0].after.bill.cost > eager.totals[0].before.bill.cost
    assert more == any("more: compaction breaks the provider's cache" in line for line in eager.remarks())


def test_two_settings_are_compared(tmp_path: Path) -> None:
    other = tmp_path / "config.yaml"
    other.write_text("callback_settings: {token_guard: {strategy: sliding_window}}", encoding="utf-8")
    total = _run(_written(tmp_path / "log.jsonl", _session(20)), max_input_tokens=2_500, against=str(other)).totals[0]
    assert total.other is not None
    assert total.other.actions.total() == total.after.actions.total() == 20
    assert total.other.bytes != total.after.bytes


def test_another_version_is_asked_by_its_python(tmp_path: Path) -> None:
    replayed = _run(_written(tmp_path / "log.jsonl", _session(3)), against=sys.executable)
    assert replayed.version is not None
    assert replayed.version["models"][0]["after"] == replayed.as_json()["models"][0]["after"]


def test_what_the_provider_counted_stands_beside_what_is_simulated(tmp_path: Path) -> None:
    """Its prompts hold 2,000 tokens that no log has; its cache had lost everything once."""
    usage = [
        [place, 2_000 + 600 * (place // 2), 0 if place == 12 else 2_000 + 600 * (place // 2 - 1) if place > 2 else 0, 10]
        for place in range(2, 25, 2)
    ]
    replayed = _run(_written(tmp_path / "log.jsonl", _session(12, usage_prompt_cacheread_output=usage)))
    provider = replayed.as_json()["models"][0]["provider"]
    assert (provider["requests"], provider["pauses"]) == (12, 1)
    assert abs(provider["off"]) < 0.05


@pytest.mark.parametrize("workers", [1, 2])
def test_figures_do_not_depend_on_the_number_of_processes(tmp_path: Path, workers: int) -> None:
    log = _written(tmp_path / "log.jsonl", *({**_session(6), "id": str(n)} for n in range(3)))
    assert (
        _run(log, where=Where(workers=workers), max_input_tokens=1_500).totals[0].as_json()
        == _run(log, max_input_tokens=1_500).totals[0].as_json()
    )


def test_the_page_needs_nothing_else_and_reads_no_markup_out_of_logs(tmp_path: Path) -> None:
    html = tmp_path / "report.html"
    _run(_written(tmp_path / "log.jsonl", {**_session(12), "model": "<b>gpt-4o</b>"}), max_input_tokens=2_500, html=str(html))
    page = html.read_text(encoding="utf-8")
    assert page.count("<svg") == 2
    assert "prefers-color-scheme: dark" in page
    assert "<b>" not in page
    assert all(word not in page for word in ("http://", "https://", "<script", "<link"))


def test_a_page_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="directory"):
        _run(_written(tmp_path / "log.jsonl", _session(2)), html=str(tmp_path))
