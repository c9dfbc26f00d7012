"""The routes behind the page: what they answer, and to whom."""

from __future__ import annotations

import json

import httpx
import pytest
from build import agent, say
from conftest import WINDOW, World, words
from page_keys import ADMIN, ANN, BOB

from token_guard import TokenCounter

DATA = ("overview", "limits", "sessions", "stats")


@pytest.mark.parametrize("path", DATA)
def test_without_a_key_there_are_no_data(world: World, path: str) -> None:
    assert world.ask(path, "").status_code == 401
    assert world.ask(path, "sk-nobodys").status_code == 401


def test_nobody_counts_without_a_key(world: World) -> None:
    assert world.count("", text="Hi").status_code == 401


@pytest.mark.parametrize("path", DATA)
def test_nobody_keeps_or_guesses_the_kind_of_an_answer(world: World, path: str) -> None:
    headers = world.ask(path).headers
    assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")


def test_the_page_needs_no_key_runs_no_foreign_script_and_stands_in_no_frame(world: World) -> None:
    page = world.ask("", "")
    assert page.status_code == 200
    policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))
    assert (policy["default-src"], policy["script-src"], policy["frame-ancestors"]) == ("'none'", "'self'", "'none'")
    assert page.headers["x-content-type-options"] == "nosniff"
    assert "://" not in page.text


def test_a_file_that_is_still_the_same_is_not_sent_again(world: World) -> None:
    first = world.ask("static/page.js", "")
    again = httpx.get(first.url, headers={"if-none-match": first.headers["etag"]}, trust_env=False)
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")


@pytest.mark.parametrize("name", ["uPlot.LICENSE", "nothing.js", "..%2fpage.py", "%2e%2e/page.py"])
def test_nothing_but_its_files_is_served(world: World, name: str) -> None:
    assert world.ask(f"static/{name}", "").status_code == 404


def test_a_key_sees_its_own_requests_and_an_administrator_all(world: World) -> None:
    alls, anns, bobs = (world.ask("overview", key).json() for key in (ADMIN, ANN, BOB))
    assert (alls["scope"], anns["scope"], bobs["scope"]) == ("all", "own", "own")
    assert bobs["requests"] == 1
    assert [model["model"] for model in bobs["models"]] == ["nobody-knows"]
    assert alls["requests"] == anns["requests"] + bobs["requests"]
    assert anns["actions"]["rejected"] == 1
    assert alls["prompt_tokens"] == anns["prompt_tokens"] + bobs["prompt_tokens"] > bobs["prompt_tokens"] > 0
    assert (alls["money_saved"], bobs["money_saved"]) == (anns["money_saved"], 0)


def test_the_series_add_up_to_the_figures(world: World) -> None:
    found = world.ask("overview").json()
    series = found["series"]
    assert sum(series["requests"]) == found["requests"]
    assert sum(series["compacted"]) == found["actions"]["compacted"]
    assert sum(series["tokens_in"]) - sum(series["tokens_forwarded"]) == found["tokens_saved"] > 0
    assert {len(values) for name, values in series.items() if name != "step_seconds"} == {60}


def test_limits_name_every_deployment_with_its_source_and_calibration(world: World) -> None:
    found = {one["group"]: one for one in world.ask("limits").json()["deployments"]}
    chat, mystery = found["chat"], found["mystery"]
    assert (chat["max_input_tokens"], chat["source"], chat["guessed"], chat["warnings"]) == (WINDOW, "deployment", False, [])
    assert chat["calibration"]["samples"] > 0
    assert (mystery["source"], mystery["guessed"]) == ("default", True)
    assert "max_input_tokens" in mystery["warnings"][0]
    assert next(answer for answer in chat["chain"] if answer["source"] == "litellm_map")["limit"]["max_input_tokens"] == 128_000


def test_the_list_of_deployments_is_for_administrators(world: World) -> None:
    assert world.ask("limits", ANN).status_code == 403
    assert "chat-1" not in world.ask("limits", ANN).text


def test_a_text_counts_as_its_tokenizer_says(world: World) -> None:
    text = "The nightly job charges some customers twice. 客户 🙂"
    found = world.count(text=text).json()
    assert found["tokens"] == TokenCounter("gpt-4o").count_tokens(text)
    assert (found["limit"], found["limit_source"], found["counted"]) == (WINDOW, "deployment", "exact")
    assert found["usage_ratio"] == round(found["tokens"] / WINDOW, 4)
    assert not found["would_compact"]


def test_variables_are_put_in_and_those_without_a_value_are_named(world: World) -> None:
    found = world.count(template="Hello {{who}}, {{ when }}", variables={"who": "a" * 40}).json()
    assert found["tokens"] == TokenCounter("gpt-4o").count_tokens(f"Hello {'a' * 40}, {{{{ when }}}}")
    assert found["variables"] == {"named": ["who", "when"], "missing": ["when"]}


@pytest.mark.parametrize("subject", ["messages", "request"])
def test_what_would_be_done_is_what_is_done(world: World, subject: str) -> None:
    """Nothing was forwarded for the question, and the same request is then compacted to the same size."""
    messages = agent(24)
    before = len(world.upstream.bodies)
    body = {"messages": messages} if subject == "messages" else {"request": {"messages": messages}}
    found = world.count(**body, preview=True).json()
    assert len(world.upstream.bodies) == before
    sent = world.chat(f"same-{subject}", messages)
    assert found["would_compact"]
    assert sent.headers["x-token-guard-action"] == "compacted"
    assert found["tokens_after"] == int(sent.headers["x-token-guard-tokens-after"])
    forwarded = json.loads(world.upstream.bodies[-1])["messages"]
    changes = found["preview"]["changes"]
    assert sum(change["state"] != "dropped" for change in changes) == len(forwarded)
    assert [change["index"] for change in changes if change["index"] is not None] == list(range(len(messages)))
    gone = [change for change in changes if change["state"] == "dropped"]
    assert gone
    assert all(change["pass"] in {step["name"] for step in found["preview"]["steps"]} for change in gone)
    put_in = next(change for change in changes if change["state"] in ("inserted", "extended"))
    assert put_in["pass"] == "summarize"
    assert put_in["after"][:40] in str(forwarded)


def test_a_question_leaves_no_trace_in_the_figures(world: World) -> None:
    before = world.ask("overview", BOB).json()["requests"], world.ask("stats", BOB).json()["requests"]
    assert world.count(BOB, model="mystery", messages=agent(24), preview=True).status_code == 200
    assert (world.ask("overview", BOB).json()["requests"], world.ask("stats", BOB).json()["requests"]) == before


def test_what_cannot_fit_is_told_with_its_parts(world: World) -> None:
    found = world.count(messages=[say("system", words(2 * WINDOW)), say("user", "Hi")]).json()
    assert found["would"] == "rejected"
    assert found["rejected"]["parts"]["system"] > WINDOW


def test_tools_count(world: World) -> None:
    tool = {"type": "function", "function": {"name": "look", "description": words(500), "parameters": {"type": "object"}}}
    bare, tooled = (world.count(messages=[say("user", "Hi")], tools=tools).json()["tokens"] for tools in ([], [tool]))
    assert tooled > bare + 500


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "text, template, messages, request"),
        ({"text": "a", "messages": []}, "text and messages"),
        ({"messages": "Hi"}, "messages is a list"),
        ({"request": {"question": 1}}, "neither messages nor input nor prompt"),
        ({"messages": [1]}, "messages"),
        ({"text": 7}, "text is a string"),
        ({"text": "a", "tools": "look"}, "tools are a list"),
        ({"text": "a", "variables": []}, "variables are an object"),
        ({"messages": [], "api": "telegraph"}, "openai.chat"),
    ],
)
def test_a_wrong_question_is_told_what_is_wrong(world: World, body: dict[str, object], said: str) -> None:
    answer = world.count(**body)
    assert answer.status_code == 400
    assert said in answer.json()["detail"]


def test_a_key_asks_about_models_that_it_may_use(world: World) -> None:
    refused = world.count(BOB, text="Hi")
    assert refused.status_code == 403
    assert str(WINDOW) not in refused.text
    assert world.count(BOB, model="mystery", text="Hi").status_code == 200


def test_a_client_cannot_put_its_requests_on_another_keys_account(world: World) -> None:
    before = world.ask("overview", BOB).json()["requests"]
    forged = world.ask("sessions", BOB).json()["sessions"][0]["key"]
    sent = world.chat("forged", [say("user", "Hi")], metadata={"user_api_key_hash": forged, "user_api_key": forged})
    assert sent.status_code == 200
    assert world.ask("overview", BOB).json()["requests"] == before
