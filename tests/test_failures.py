"""What breaks request compaction in practice, by the numbers of the catalogue: each failure reported by users or peers is a test.

Through the front door, on every wire that the failure is known of; what only a proxy shows is tested at the plugin.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import pytest
from anthropic_rules import cache_marks
from build import agent, answer, call, listing, result, say
from hypothesis import given, settings
from hypothesis import strategies as st
from wires import ANTHROPIC, CHAT, RESPONSES, WIRES, Wire

from token_guard import Guard, Settings, TokenCounter, fit
from token_guard.conversation import Media, Message
from token_guard.counting import meter_for
from token_guard.errors import ContextOverflowError
from token_guard.limits import Deployment
from token_guard.limits.overflows import overflow_of
from token_guard.marks import CLOSE, OPEN
from token_guard.proxy.plugin import TokenGuardCallback
from token_guard.report import Fitted

every_wire = pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.api)

LIMIT = 4_000
ASK = "Which handler fails, and why?"
SYSTEM = "You are careful. Rule 7: never push to main."
PNG = "data:image/png;base64," + "iVBORw0KGgoAAAANSUhEUgAABAAAAAQACAIAAADwf7zU" * 200


def asked(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [*history, answer("I looked at all of them."), say("user", ASK)]


def batch(number: int, *ids: str) -> dict[str, Any]:
    """Parallel calls of one turn."""
    first, *others = (call(id_, path=f"src/{number}_{id_}.py") for id_ in ids)
    return {**first, "tool_calls": [*first["tool_calls"], *(other["tool_calls"][0] for other in others)]}


def parallel(turns: int, lines: int = 12) -> list[dict[str, Any]]:
    """A session whose every turn makes three calls."""
    history = [say("system", SYSTEM), say("user", "Compare the modules.")]
    for number in range(turns):
        ids = [f"p{number}{letter}" for letter in "abc"]
        history += [batch(number, *ids), *(result(id_, listing(number * 3 + place, lines)) for place, id_ in enumerate(ids))]
    return history


def thinking(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each turn of the assistant thinks first, each thought its own."""
    return [{**message, **_thought(place)} if message["role"] == "assistant" else message for place, message in enumerate(history)]


def _thought(place: int) -> dict[str, Any]:
    block = {"type": "thinking", "thinking": f"thought {place}", "signature": f"EqQB{place}"}
    return {"reasoning_content": f"thought {place}", "thinking_blocks": [block]}


LONG = asked(agent(40, system=SYSTEM))


def fitted(wire: Wire, history: list[dict[str, Any]], limit: int = LIMIT, **more: Any) -> Fitted:
    """The history compacted, and such that the endpoint takes it."""
    done = wire.fit(history, limit, **more)
    assert done.report.action == "compacted", done.report
    assert done.report.tokens_after <= limit
    assert not wire.refusal(done.request)
    return done


def lightly(wire: Wire, history: list[dict[str, Any]]) -> Fitted:
    """The same where little has to go, so that passes stop at edits."""
    request = wire.write(history)
    size = meter_for(request["model"]).messages(wire.read(request))
    done = Guard(Settings(policy="overflow")).process(request, api=wire.api, max_input_tokens=size * 19 // 20)
    assert done.report.action == "compacted", done.report
    assert not wire.refusal(done.request)
    return done


def messages(wire: Wire, done: Fitted) -> list[Message]:
    return list(wire.read(done.request))


def added(wire: Wire, done: Fitted) -> str:
    """Everything between the guard's own marks."""
    return "\n".join(re.findall(f"{OPEN}[^{CLOSE}]*{CLOSE}", "\n".join(message.text for message in messages(wire, done))))


def turn_by_turn(wire: Wire, history: list[dict[str, Any]], limit: int = LIMIT) -> Iterator[Fitted]:
    """The requests of a session, one after the other, as one guard forwards them."""
    guard = Guard()
    for end in range(2, len(history) + 1):
        if end == len(history) or history[end]["role"] == "assistant":
            yield guard.process(wire.write(history[:end]), api=wire.api, max_input_tokens=limit)


def sent(done: Fitted) -> list[Any]:
    return list(done.request.get("messages") or done.request["input"])


# -- pairs of calls and results ------------------------------------------------------------------------------------------


@every_wire
def test_01_no_tool_result_is_kept_without_its_call(wire: Wire) -> None:
    for limit in (1_500, 3_000, 6_000):
        found = messages(wire, fitted(wire, LONG, limit))
        assert {result_.call_id for message in found for result_ in message.results} <= {
            call_.id for message in found for call_ in message.calls
        }


@every_wire
def test_02_no_call_is_kept_without_its_result(wire: Wire) -> None:
    for limit in (1_500, 3_000, 6_000):
        found = messages(wire, fitted(wire, parallel(15), limit))
        calls = Counter(call_.id for message in found for call_ in message.calls)
        assert calls == Counter(result_.call_id for message in found for result_ in message.results)
        assert calls


@every_wire
def test_03_an_orphan_that_the_client_sent_becomes_quoted_text_and_is_reported(wire: Wire) -> None:
    done = fitted(wire, [*LONG[:22], result("nobody", "the lost answer is 42"), *LONG[22:]], 8_000)
    assert done.report.repaired == ("1 tool result(s) without a call",)
    (note,) = (message for message in messages(wire, done) if "the lost answer is 42" in message.text)
    assert note.role == "user"
    assert note.text.startswith(f"{OPEN}compacted: reference, not a message from the user")


@every_wire
def test_03_an_orphan_in_a_request_that_fits_is_the_clients_own(wire: Wire) -> None:
    request = wire.write([*LONG[:10], result("nobody", "lost"), *LONG[10:14], say("user", ASK)])
    done = fit(request, api=wire.api, max_input_tokens=90_000)
    assert done.request is request
    assert done.report.repaired == ()


@every_wire
def test_04_of_a_batch_that_was_answered_in_part_the_answered_calls_stay(wire: Wire) -> None:
    half = [batch(0, "x1", "x2", "x3"), result("x1", "one"), result("x3", "three"), say("user", "Go on.")]
    done = fitted(wire, [*LONG[:-2], *half, *LONG[-2:]], 8_000)
    assert done.report.repaired == ("1 tool call(s) without a result",)
    (kept,) = (message for message in messages(wire, done) if any(call_.id == "x1" for call_ in message.calls))
    assert [call_.id for call_ in kept.calls] == ["x1", "x3"]


def test_05_results_in_messages_of_their_own_and_after_words_become_one_message_with_results_first() -> None:
    request = ANTHROPIC.write(LONG)
    use = [{"type": "tool_use", "id": id_, "name": "read", "input": {}} for id_ in ("x1", "x2")]
    first, second = ({"type": "tool_result", "tool_use_id": id_, "content": id_} for id_ in ("x1", "x2"))
    words = {"type": "text", "text": "Both are here."}
    split = [say("assistant", use), say("user", [words, first]), say("user", [second])]
    history = [*request["messages"], *split, say("assistant", "I see."), say("user", ASK)]
    done = fit({**request, "messages": history}, api="anthropic.messages", max_input_tokens=8_000)
    assert ANTHROPIC.refusal({**request, "messages": history})
    assert not ANTHROPIC.refusal(done.request)
    assert say("user", [first, second, words]) in done.request["messages"]


@every_wire
def test_06_of_two_results_for_one_call_the_first_stays(wire: Wire) -> None:
    history = [*LONG[:-2], call("x"), result("x", "the first"), result("x", "the repeat"), *LONG[-2:]]
    done = fitted(wire, history, 8_000)
    assert done.report.repaired == ("1 repeated tool result(s)",)
    assert "the first" in json.dumps(done.request)
    assert "the repeat" not in json.dumps(done.request)


@every_wire
def test_07_an_open_call_at_the_end_is_not_touched(wire: Wire) -> None:
    tail = [batch(9, "x1", "x2"), result("x1", "only one so far")]
    done = wire.fit([*LONG, *tail], LIMIT)
    assert done.report.action == "compacted"
    assert done.report.repaired == ()
    assert [message.parts for message in messages(wire, done)[-2:]] == [
        message.parts for message in wire.read(wire.write([*LONG, *tail]))[-2:]
    ]


def test_07_a_call_whose_result_comes_later_survives_the_compactions_between() -> None:
    items = RESPONSES.write([*LONG[:10], call("late"), *LONG[10:], answer("Wait.")])["input"]
    items += [{"type": "function_call_output", "call_id": "late", "output": "here"}, {"role": "user", "content": ASK}]
    done = fit({"model": "gpt-4o", "input": items}, max_input_tokens=LIMIT)
    assert done.report.epochs > 1
    assert done.report.repaired == ()
    assert not RESPONSES.refusal(done.request)


KINDS = {
    "custom_tool_call": {"name": "sh", "input": "ls " + "-a " * 200},
    "local_shell_call": {"action": {"type": "exec", "command": ["ls", "-a"], "env": {}}},
    "apply_patch_call": {"operation": {"type": "update_file", "path": "a.py", "diff": "-b\n+c\n" * 80}},
    "hologram_call": {"arguments": {"depth": 3}},
}


@pytest.mark.parametrize("kind", KINDS)
def test_08_calls_of_every_kind_stay_with_their_outputs(kind: str) -> None:
    items: list[dict[str, Any]] = [{"role": "user", "content": "Go."}, {"type": "vendor_note", "x": "kept"}]
    for number in range(60):
        items.append({"type": kind, "id": f"i{number}", "call_id": f"c{number}", **KINDS[kind]})
        items.append({"type": f"{kind}_output", "call_id": f"c{number}", "output": listing(number, 10)})
    done = fit({"model": "gpt-4o", "input": [*items, {"role": "user", "content": ASK}]}, max_input_tokens=LIMIT)
    kinds = Counter(item.get("type") for item in done.request["input"])
    assert not RESPONSES.refusal(done.request)
    assert 0 < kinds[kind] == kinds[f"{kind}_output"] < 60
    assert kinds["vendor_note"] == 1


def test_09_a_responses_session_stays_valid_through_many_compactions() -> None:
    done = list(turn_by_turn(RESPONSES, parallel(60)))
    assert [RESPONSES.refusal(turn.request) for turn in done] == [[]] * len(done)
    assert done[-1].report.epochs > 5


# -- reasoning -----------------------------------------------------------------------------------------------------------


def test_10_a_reasoning_item_stays_with_the_item_that_followed_it() -> None:
    history = thinking(LONG)
    before = RESPONSES.write(history)["input"]
    follows = {item["id"]: before[place + 1] for place, item in enumerate(before) if item["type"] == "reasoning"}
    after = sent(fitted(RESPONSES, history))
    pairs = [(item["id"], after[place + 1]) for place, item in enumerate(after) if item["type"] == "reasoning"]
    assert pairs
    assert all(following.get("call_id", following["type"]) == follows[id_].get("call_id", "message") for id_, following in pairs)


@pytest.mark.parametrize("held", ["previous_response_id", "conversation"])
def test_11_history_that_the_server_holds_is_not_edited(held: str) -> None:
    request = {**RESPONSES.write(LONG), held: "resp_1"}
    done = fit(request, max_input_tokens=LIMIT)
    assert done.request is request
    assert held in done.report.note


def test_12_the_last_turn_with_thinking_stays_to_the_byte() -> None:
    history = [*thinking(agent(40, lines=10)), *thinking([call("last", path="a.py", text=listing(1, 20))]), result("last", "ok")]
    done = fitted(ANTHROPIC, history)
    assert sent(done)[-2] == ANTHROPIC.write(history)["messages"][-2]


def test_13_a_loop_that_opens_with_thinking_keeps_it_or_goes_whole() -> None:
    history = agent(40, system=SYSTEM)
    for place in (2, 30, 60):
        history[place : place + 1] = [say("user", f"Part {place}."), {**history[place], **_thought(place)}]
    for limit in (1_500, 3_000, 6_000):
        done = ANTHROPIC.fit(history, limit, max_tokens=3_000, thinking={"type": "enabled", "budget_tokens": 2_000})
        assert not ANTHROPIC.refusal(done.request)
        assert done.report.action == "compacted"


def test_14_what_a_provider_added_to_a_call_stays_on_it_even_when_its_arguments_are_shortened() -> None:
    signed = {"extra_content": {"google": {"thought_signature": "c2lnbmVk"}}, "provider_specific_fields": {"thought_signature": "c2ln"}}
    history = [
        say("user", "Write."),
        *(
            turn
            for number in range(30)
            for turn in (call(f"w{number}", "write", text=listing(number, 20)), result(f"w{number}", listing(number + 50, 90)))
        ),
    ]
    for message in history[1::2]:
        message["tool_calls"][0].update(signed)
    calls = [call_ for message in sent(lightly(CHAT, asked(history))) for call_ in message.get("tool_calls") or ()]
    assert any("omitted" in call_["function"]["arguments"] for call_ in calls)
    assert all(call_.items() >= signed.items() for call_ in calls)


def test_15_reasoning_content_stays_on_kept_turns_and_is_counted() -> None:
    history = thinking(LONG)
    before = {json.dumps(message["tool_calls"]): message["reasoning_content"] for message in history if message.get("tool_calls")}
    kept = [message for message in sent(fitted(CHAT, history)) if message.get("tool_calls")]
    assert kept
    assert all(message["reasoning_content"] == before[json.dumps(message["tool_calls"])] for message in kept)
    meter = meter_for("gpt-4o")
    assert meter.messages(CHAT.read(CHAT.write(history))) > meter.messages(CHAT.read(CHAT.write(LONG))) + 40 * 2


# -- turns ---------------------------------------------------------------------------------------------------------------


@every_wire
def test_16_the_first_turn_stays_the_users(wire: Wire) -> None:
    for limit in (1_000, 2_000, 4_000):
        first = next(message for message in messages(wire, fitted(wire, LONG, limit)) if message.role != "system")
        assert (first.role, bool(first.results)) == ("user", False)


@every_wire
def test_17_a_parallel_batch_stays_whole_or_goes(wire: Wire) -> None:
    found = messages(wire, fitted(wire, asked(parallel(20)), 5_000))
    sizes = Counter(call_.id[:-1] for message in found for call_ in message.calls)
    assert sizes
    assert set(sizes.values()) == {3}


@every_wire
def test_18_a_request_does_not_begin_to_end_with_the_assistant(wire: Wire) -> None:
    history = [*LONG, answer("I will look."), result("nobody", "lost")]
    assert messages(wire, fitted(wire, LONG))[-1].role == "user"
    assert messages(wire, fitted(wire, history))[-1].role == "user"


@every_wire
def test_18_a_prefill_that_the_client_sent_stays_the_end(wire: Wire) -> None:
    last = messages(wire, wire.fit([*LONG, answer("The handler is")], LIMIT))[-1]
    assert (last.role, last.text) == ("assistant", "The handler is")


@every_wire
def test_19_ids_are_neither_minted_nor_altered(wire: Wire) -> None:
    history = [
        say("user", "Go."),
        *(turn for number in range(60) for turn in (call(f"abc{number:06d}"), result(f"abc{number:06d}", listing(number, 20)))),
    ]
    history = [*history[:40], result("zzz000000", "orphan"), call("yyy000000"), say("user", "Go on."), *history[40:]]
    found = messages(wire, fitted(wire, asked(history)))
    ids = {call_.id for message in found for call_ in message.calls} | {each.call_id for message in found for each in message.results}
    assert ids
    assert all(re.fullmatch(r"abc\d{6}", id_) for id_ in ids)
    assert all(call_.name == "read" for message in found for call_ in message.calls)


# -- content -------------------------------------------------------------------------------------------------------------


@every_wire
@pytest.mark.parametrize("content", ["string", "list"])
def test_20_a_masked_result_has_text(wire: Wire, content: str) -> None:
    history = LONG if content == "string" else [_in_parts(message) for message in LONG]
    results = [each for message in messages(wire, lightly(wire, history)) for each in message.results]
    assert any(OPEN in each.text for each in results)
    assert all(part.text.strip() for each in results for part in each.content if not isinstance(part, Media))


def _in_parts(message: dict[str, Any]) -> dict[str, Any]:
    return {**message, "content": [{"type": "text", "text": message["content"]}]} if message["content"] else message


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "text", "content", "role", "image_url"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@every_wire
@given(odd=ODD, place=st.integers(0, 80), whole=st.booleans())
@settings(max_examples=60, deadline=None)
def test_21_no_content_makes_it_raise(wire: Wire, odd: Any, place: int, whole: bool) -> None:
    request = wire.write(LONG)
    field = "input" if "input" in request else "messages"
    items = list(request[field])
    here = place % (len(items) - 1)
    items[here] = odd if whole else {**items[here], "content": odd}
    done = fit({**request, field: items}, api=wire.api, max_input_tokens=LIMIT)
    assert done.report.action in ("compacted", "bypassed")
    assert done.report.note if done.report.action == "bypassed" else done.report.tokens_after <= LIMIT


@every_wire
def test_22_arguments_stay_json(wire: Wire) -> None:
    writes = [
        turn
        for number in range(40)
        for turn in (
            call(f"w{number}", "write", path="a.py", text=listing(number, 30), deep={"more": [listing(number, 9)]}),
            result(f"w{number}", listing(number + 50, 120)),
        )
    ]
    calls = [call_ for message in messages(wire, lightly(wire, asked([say("user", "Write."), *writes]))) for call_ in message.calls]
    assert any(OPEN in call_.arguments for call_ in calls)
    assert all(json.loads(call_.arguments)["path"] == "a.py" for call_ in calls)


# -- marks ---------------------------------------------------------------------------------------------------------------


@every_wire
def test_23_the_assistant_never_says_a_mark_and_one_that_it_copied_counts_for_nothing(wire: Wire) -> None:
    copied = answer(f"{OPEN}compacted: output of read, 400 lines{CLOSE}")
    done = fitted(wire, [*LONG[:2], copied, say("user", "No."), *LONG[2:]])
    assert not [
        message
        for message in messages(wire, done)
        if message.role == "assistant" and OPEN in message.said and message.said != copied["content"]
    ]
    assert (
        done.report.epochs
        == fitted(wire, [*LONG[:2], answer("[compacted: output of read, 400 lines]"), say("user", "No."), *LONG[2:]]).report.epochs
    )


@every_wire
def test_24_no_mark_promises_what_the_request_has_no_tool_for(wire: Wire) -> None:
    marks = added(wire, fitted(wire, LONG))
    assert marks
    assert not re.search(r"retriev|recover|expand|restore|fetch|call the|use the|ask for", marks, re.IGNORECASE)


@every_wire
def test_25_results_of_exempt_tools_are_not_compacted_again(wire: Wire) -> None:
    history = [
        {**message, "tool_calls": [{**message["tool_calls"][0], "function": {"name": "recall_text", "arguments": "{}"}}]}
        if place in (60, 62)
        else message
        for place, message in enumerate(LONG)
    ]
    options = Settings(mask={"exempt_tools": ("recall_text",)}, policy="overflow")
    done = Guard(options).process(wire.write(history), api=wire.api, max_input_tokens=12_000)
    assert done.report.action == "compacted"
    exempt = [each.text for message in messages(wire, done) for each in message.results if each.call_id in ("c29", "c30")]
    assert exempt == [listing(29, 20), listing(30, 20)]


@every_wire
def test_26_no_tool_is_put_in(wire: Wire) -> None:
    assert "tools" not in fitted(wire, LONG).request


TOOL = {"type": "function", "function": {"name": "read", "description": "Reads.", "parameters": {"type": "object", "properties": {}}}}


@every_wire
def test_27_the_tools_are_the_very_same_on_every_turn(wire: Wire) -> None:
    tools = [TOOL]
    for end in (20, 40, len(LONG)):
        assert wire.fit(LONG[:end], LIMIT, tools=tools).request["tools"] is tools


# -- prompt cache --------------------------------------------------------------------------------------------------------


@every_wire
def test_28_what_was_forwarded_is_not_rewritten_until_it_has_to_be(wire: Wire) -> None:
    done = list(turn_by_turn(wire, agent(60)))
    held = [(before, now) for before, now in pairwise(done) if before.report.epochs == now.report.epochs]
    assert len(held) > 40
    assert all(sent(now)[: len(sent(before))] == sent(before) for before, now in held)


@every_wire
def test_29_the_boundary_holds_for_many_turns(wire: Wire) -> None:
    done = list(turn_by_turn(wire, agent(60)))
    moved = sum(before.report.epochs != now.report.epochs for before, now in pairwise(done))
    assert 2 < moved < len(done) / 3


def test_30_cache_marks_keep_their_blocks_and_order_and_none_is_added() -> None:
    request = ANTHROPIC.write(LONG)
    history = request["messages"]
    for number, place in enumerate((0, 9, len(history) - 1)):
        blocks = history[place]["content"]
        blocks[-1] = {**blocks[-1], "cache_control": {"type": "ephemeral", "ttl": "1h" if number < 2 else "5m"}}
    done = fit(request, api="anthropic.messages", max_input_tokens=LIMIT)
    marks, before = list(cache_marks(done.request["messages"])), list(cache_marks(history))
    assert len(before) == 3
    assert marks == before[: len(marks) - 1] + before[-1:]
    assert not ANTHROPIC.refusal(done.request)


# -- quality -------------------------------------------------------------------------------------------------------------


@every_wire
def test_31_what_is_cut_is_cut_visibly_and_at_ends_of_lines(wire: Wire) -> None:
    done = fitted(wire, [*LONG, call("big"), result("big", listing(77, 2_000))])
    lines = messages(wire, done)[-1].text.splitlines()
    (mark,) = (line for line in lines if OPEN in line)
    kept = [line for line in lines if line != mark]
    assert int(re.findall(r"([\d,]+) lines", mark)[0].replace(",", "")) == 2_000 - len(kept)
    assert set(kept) < set(listing(77, 2_000).splitlines())


@every_wire
def test_32_where_little_can_be_freed_compaction_does_not_run_on_every_turn(wire: Wire) -> None:
    history = agent(60, system=SYSTEM + " Keep in mind: " + listing(900, 70))
    done = list(turn_by_turn(wire, history))
    assert all(turn.report.tokens_after <= LIMIT for turn in done)
    assert 1 < done[-1].report.epochs < len(done) / 2


@every_wire
def test_33_system_and_tools_that_are_too_large_alone_are_an_error_that_names_them(wire: Wire) -> None:
    tools = [{**TOOL, "function": {**TOOL["function"], "description": listing(number, 30)}} for number in range(12)]
    with pytest.raises(ContextOverflowError, match="tools") as caught:
        wire.fit(LONG, LIMIT, tools=tools)
    assert caught.value.parts["tools"] > LIMIT > caught.value.parts["system"] > 0


REPLY = {"openai.chat": "max_tokens", "anthropic.messages": "max_tokens", "openai.responses": "max_output_tokens"}


@every_wire
@pytest.mark.parametrize("reply", [1_000, 15_900, 64_000])
def test_34_prompt_and_reply_fit_together_and_the_reply_keeps_a_floor(wire: Wire, reply: int) -> None:
    field = REPLY[wire.api]
    request = {**wire.write(LONG), field: reply}
    done = Guard().process(request, api=wire.api, deployment=Deployment(model_info={"max_input_tokens": 16_000}))
    assert done.report.tokens_after + done.request[field] <= 16_000
    assert done.request[field] >= min(reply, 256)
    assert (done.request[field] == reply) == (reply == 1_000)


def test_35_counts_err_up_and_answers_correct_them() -> None:
    counter, meter = TokenCounter("gpt-4o"), meter_for("gpt-4o")
    assert meter.media(Media("image", "https://example.com/a.png", "", "high")) >= 765
    assert meter.text("处理订单时发生超时") == counter.count_tokens("处理订单时发生超时") > 5
    assert CHAT.fit([say("user", "hi")], 10**6, tools=[TOOL] * 20).report.tokens_before > 20 * counter.count_tokens("Reads.")
    guard, request = Guard(), CHAT.write(LONG)
    estimate = meter.messages(CHAT.read(request))
    for _ in range(6):
        guard.learn(request, int(estimate * 1.3))
    correction = guard.process(request, api="openai.chat").report.correction
    assert correction is not None
    assert correction.offset + correction.slope * estimate > estimate * 1.2


@pytest.mark.parametrize(
    "words",
    [
        '{"error": {"code": "context_length_exceeded"}}',
        "prompt is too long: 215000 tokens > 200000 maximum",
        "input length and `max_tokens` exceed context limit: 179413 + 32768 > 200000",
        'event: message_delta\ndata: {"delta": {"stop_reason": "model_context_window_exceeded"}}',
        "The input (40960 tokens) is longer than the model's context length (32768 tokens).",
        "Input is too long for requested model.",
    ],
)
def test_36_an_overflow_is_recognised_in_every_providers_words(words: str) -> None:
    assert overflow_of(words) is not None


def test_36_an_error_of_another_kind_is_none() -> None:
    assert overflow_of("Invalid 'user': string too long. Expected a string with maximum length 64 (string_above_max_length)") is None


# -- summaries -----------------------------------------------------------------------------------------------------------


@every_wire
def test_37_the_summary_is_made_without_a_model_and_is_the_same_again(wire: Wire) -> None:
    history = asked([*agent(90, system=SYSTEM)])
    first, second = (Guard().process(wire.write(history), api=wire.api, max_input_tokens=1_500) for _ in range(2))
    assert "end of reference" in added(wire, first)
    assert first.request == second.request


def test_38_nothing_is_asked_of_anybody_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any, **__: Any) -> Any:
        raise AssertionError("a connection on the way of a request")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "create_connection", refused)
    options = Settings(summarizer={"model": "gpt-4o-mini"})
    assert Guard(options).process(CHAT.write(LONG), max_input_tokens=LIMIT).report.action == "compacted"


@every_wire
def test_39_directives_and_the_last_question_stay_verbatim(wire: Wire) -> None:
    rule = "Never write to the production database before Friday."
    history = [
        *LONG[:20],
        answer("Noted."),
        say("user", f"{rule} Go on."),
        *LONG[20:-2],
        answer("Done."),
        say("user", f"{ASK}\n{listing(4, 5)}"),
    ]
    found = messages(wire, fitted(wire, history, 3_000))
    assert any(rule in message.text for message in found)
    assert found[-1].text.startswith(f"{ASK}\n{listing(4, 5)}")


@every_wire
def test_40_a_summary_says_that_it_is_no_message_of_the_users_and_where_it_ends(wire: Wire) -> None:
    found = messages(wire, fitted(wire, [*LONG[:-2], answer("I will ignore it."), *LONG[-2:]], 1_500))
    notes = [message for message in found if OPEN in message.text and not message.results and message.text.startswith(OPEN)]
    assert notes
    for note in notes:
        assert note.role == "user"
        assert "not a message from the user" in note.text.splitlines()[0]
        assert note.text.endswith(f"end of reference{CLOSE}")
        assert not re.search(r"\b(I|you|we|your|my)\b", note.text.splitlines()[0])


# -- the proxy -----------------------------------------------------------------------------------------------------------


def arguments(history: list[dict[str, Any]]) -> dict[str, Any]:
    """What the router hands to the deployment hook, in the parts that matter."""
    return {
        "model": "openai/gpt-4o",
        "messages": history,
        "model_info": {"id": "d-1", "max_input_tokens": 8_000},
        "metadata": {"token_guard": {}},
        "litellm_call_id": "call-1",
        "custom_llm_provider": "openai",
    }


def test_41_headers_tell_what_the_client_sent_and_what_was_forwarded() -> None:
    guard, kwargs = TokenGuardCallback(Settings()), arguments(LONG)

    async def answered() -> Mapping[str, str] | None:
        from litellm.types.utils import CallTypes

        await guard.async_pre_call_deployment_hook(kwargs, CallTypes.acompletion)
        return await guard.async_post_call_response_headers_hook(kwargs, None, None)

    found = asyncio.run(answered())
    assert found is not None
    sizes = {name: int(found[f"x-token-guard-tokens-{name}"]) for name in ("before", "after")}
    assert sizes["before"] >= meter_for("gpt-4o").messages(CHAT.read(CHAT.write(LONG)))
    assert sizes["after"] <= 8_000


def test_42_old_images_go_first_as_words_and_the_newest_stays() -> None:
    picture = {"type": "image_url", "image_url": {"url": PNG, "detail": "high"}}
    turns = [
        turn
        for number in range(12)
        for turn in (call(f"s{number}", "screenshot"), result(f"s{number}", [{"type": "text", "text": f"shot {number}"}, picture]))
    ]
    found = messages(CHAT, CHAT.fit([say("user", "Look."), *turns], 6_000))
    pictures = [any(isinstance(part, Media) for part in each.content) for message in found for each in message.results]
    assert pictures[-1]
    assert sorted(pictures) == pictures
    assert pictures.count(True) < 12
    assert "iVBOR" not in "\n".join(message.text for message in found)


def test_42_of_more_images_than_the_provider_takes_the_newest_stay() -> None:
    picture = {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}}
    turns = [turn for number in range(130) for turn in (call(f"s{number}", "screenshot"), result(f"s{number}", [picture]))]
    done = Guard().process({"model": "claude-sonnet-4-5", "messages": [say("user", "Look."), *turns]}, max_input_tokens=10**6)
    shown = [message["content"][0]["type"] == "image_url" for message in done.request["messages"] if message["role"] == "tool"]
    assert shown == [False] * 51 + [True] * 79


def test_43_a_long_request_is_counted_off_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    guard, kwargs = TokenGuardCallback(Settings()), arguments(LONG)
    threads: list[int] = []
    process = guard.guard.process
    monkeypatch.setattr(
        guard.guard, "process", lambda *args, **options: (threads.append(threading.get_ident()), process(*args, **options))[1]
    )

    async def attempt() -> int:
        from litellm.types.utils import CallTypes

        await guard.async_pre_call_deployment_hook(kwargs, CallTypes.acompletion)
        return threading.get_ident()

    assert asyncio.run(attempt()) not in threads
    assert threads


def test_43_what_certainly_fits_is_not_counted_at_all() -> None:
    assert CHAT.fit(LONG, 10**7).report.decided_by == "bound"


@every_wire
def test_44_instructions_in_the_middle_and_the_tools_stay(wire: Wire) -> None:
    history = [*LONG[:30], say("system", "Rule 8: answer in French."), *LONG[30:]]
    done = fitted(wire, history, tools=[TOOL])
    assert "Rule 8: answer in French." in json.dumps(done.request)
    assert any(message.calls for message in messages(wire, done))
    assert done.request["tools"] == [TOOL]


def test_44_a_developer_message_in_the_middle_stays() -> None:
    rule = say("developer", "Rule 8: answer in French.")
    assert rule in sent(fitted(CHAT, [*LONG[:30], rule, *LONG[30:]]))


JSON_REPLIES = {
    "openai.chat": {"response_format": {"type": "json_object"}},
    "openai.responses": {"text": {"format": {"type": "json_object"}}},
}


@pytest.mark.parametrize("asked_for", ["Give me that list as json.", "json"])
@pytest.mark.parametrize("limit", [1_200, 600])
@pytest.mark.parametrize("wire", [wire for wire in WIRES if wire.api in JSON_REPLIES], ids=lambda wire: wire.api)
def test_44_the_word_that_json_replies_need_stays(wire: Wire, limit: int, asked_for: str) -> None:
    history = [*LONG[:20], answer("Noted."), say("user", asked_for), *LONG[20:]]
    done = fitted(wire, history, limit, **JSON_REPLIES[wire.api])
    assert any("json" in message.text.lower() for message in messages(wire, done))


def test_44_nothing_is_said_of_json_where_the_client_said_nothing() -> None:
    assert "JSON" not in json.dumps(sent(fitted(CHAT, LONG, 1_200, response_format={"type": "json_object"})))
