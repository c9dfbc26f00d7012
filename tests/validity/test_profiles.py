"""What single families of models demand: found by name, complained about when compaction breaks it, and kept in all formats."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any, get_args

import pytest
from anthropic_chat import translated
from build import agent, answer, call, listing, parsed, result, say, texts
from responses_rules import as_items

from token_guard import Guard, Settings, fit
from token_guard.conversation import Message, Omitted, Text
from token_guard.formats import format_for
from token_guard.limits import Deployment
from token_guard.marks import is_note
from token_guard.validity.profiles import PROFILES, profile_of
from token_guard.validity.rules import FAMILY_RULES, complaint, family_complaint
from token_guard.validity.turns import adapted, alternating

STRICT, MISTRAL = PROFILES["strict"], PROFILES["mistral"]
NOTE = Message("user", (Text("a note"),))
TALK = parsed(
    [say("system", "s"), *[one for n in range(6) for one in (say("user", f"ask {n}"), answer(f"reply {n}"))], say("user", "last")]
)


def tool_talk(turns: int) -> list[dict[str, Any]]:
    """Questions, each answered after two tool calls."""
    messages = [say("system", "Be careful.")]
    for turn in range(turns):
        calls = [one for n in range(2) for one in (call(f"{turn:04d}abcd{n}"), result(f"{turn:04d}abcd{n}", listing(turn * 2 + n, 12)))]
        messages += [say("user", f"Question {turn} about handler_{turn}_1?"), *calls, answer(f"It is lookup_{turn}. {listing(turn, 2)}")]
    return [*messages, say("user", "And now all together?")]


def shape(messages: Any) -> list[str]:
    return [message.role for message in messages]


# -- which one -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gpt-4o", "openai"),
        ("openai/my-own-server", "common"),
        ("anthropic/claude-sonnet-4-5", "anthropic"),
        ("bedrock/anthropic.claude-3-haiku-20240307-v1:0", "anthropic"),
        ("vertex_ai/gemini-2.5-pro", "gemini"),
        ("mistral/mistral-large-latest", "mistral"),
        ("mistral/codestral-2501", "mistral"),
        ("deepseek/deepseek-reasoner", "deepseek"),
        ("openrouter/moonshotai/kimi-k2", "deepseek"),
        ("hosted_vllm/meta-llama/Llama-3.1-8B-Instruct", "strict"),
        ("ollama_chat/mistral", "strict"),
        ("", "common"),
    ],
)
def test_a_model_is_known_by_its_name_or_its_provider(model: str, name: str) -> None:
    assert profile_of("auto", model).name == name


def test_a_deployments_base_model_names_the_family_of_an_alias() -> None:
    assert profile_of("auto", "azure/prod", "mistral-large").name == "mistral"


def test_a_name_in_the_settings_wins() -> None:
    assert profile_of("strict", "gpt-4o") is STRICT


def test_the_setting_takes_the_names_of_the_table() -> None:
    assert set(get_args(Settings.model_fields["profile"].annotation)) == {"auto", *PROFILES}


# -- rules ---------------------------------------------------------------------------------------------------------------

REASONED = parsed(
    [say("user", "a"), {**call("abcdefgh1"), "reasoning_content": "hm"}, result("abcdefgh1", "x"), answer(), say("user", "b")]
)
MINTED = REASONED[1].with_part(1, replace(REASONED[1].calls[0], id="call_1!"))
STRIPPED = REASONED[1].with_part(0, Omitted())
BROKEN = {
    "turns_alternate": ("strict", TALK, (*TALK[:2], *TALK[3:])),
    "call_ids_keep_their_form": ("mistral", REASONED, (REASONED[0], MINTED, *REASONED[2:])),
    "call_turns_keep_reasoning": ("deepseek", REASONED, (REASONED[0], STRIPPED, *REASONED[2:])),
}


@pytest.mark.parametrize("rule", FAMILY_RULES, ids=lambda rule: rule.__name__)
def test_a_rule_complains_for_its_family_and_for_no_other(rule: Any) -> None:
    name, before, after = BROKEN[rule.__name__]
    assert rule(before, after, PROFILES[name])
    assert rule(before, after, PROFILES["common"]) is None


@pytest.mark.parametrize("rule", FAMILY_RULES, ids=lambda rule: rule.__name__)
def test_a_rule_accepts_what_the_client_broke_itself(rule: Any) -> None:
    name, before, after = BROKEN[rule.__name__]
    assert rule(before, before, PROFILES[name]) is rule(after, after, PROFILES[name]) is None


def test_anthropic_takes_ids_of_its_own_alphabet() -> None:
    fine = (REASONED[0], REASONED[1].with_part(1, replace(REASONED[1].calls[0], id="call_1-a")), *REASONED[2:])
    assert family_complaint(REASONED, fine, PROFILES["anthropic"]) is None
    assert family_complaint(REASONED, (REASONED[0], MINTED, *REASONED[2:]), PROFILES["anthropic"])


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
def test_gemini_and_all_others_get_a_user_turn_first_and_never_a_new_assistant_turn_last(profile: Any) -> None:
    fitted = Guard(Settings(profile=profile.name)).process({"model": "m", "messages": tool_talk(60)}, max_input_tokens=6_000)
    messages = parsed(fitted.request["messages"])
    assert next(message.role for message in messages if message.role != "system") == messages[-1].role == "user"


# -- turns ---------------------------------------------------------------------------------------------------------------


def test_a_note_joins_the_users_message_before_it() -> None:
    done = alternating(TALK, (*TALK[:2], NOTE, *TALK[4:]))
    assert done[1].text == "ask 0\na note"
    assert done[1].index == 1
    assert not any(map(is_note, done))


def test_of_two_user_messages_without_a_reply_between_the_later_one_carries_both() -> None:
    done = alternating(TALK, (*TALK[:2], *TALK[3:]))
    assert (done[1].index, done[1].text) == (3, "ask 0\n\nask 1")


def test_between_two_replies_stands_what_is_gone() -> None:
    done = alternating(TALK, (*TALK[:3], *TALK[4:]))
    assert shape(done[1:5]) == ["user", "assistant", "user", "assistant"]
    assert "words of the user's were taken out here" in done[3].text


@pytest.mark.parametrize("words", ["Done.", "That is what I found there. " * 200])
def test_calls_whose_reply_is_gone_stay_with_its_beginning_behind_them(words: str) -> None:
    wires = tool_talk(3)
    wires[6] = answer(words)
    history = parsed(wires)
    done = alternating(history, tuple(message for message in history if message.index != 6))
    assert family_complaint(history, done, STRICT) is complaint(history, done) is None
    assert [message.index for message in done] == [message.index for message in history]
    assert words.startswith(done[6].text.removesuffix(" …"))
    assert len(done[6].text) <= 402


def test_attachments_of_a_message_that_joins_another_are_named() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    history = parsed([say("user", [{"type": "text", "text": "see"}, image]), answer(), say("user", "b"), answer(), say("user", "c")])
    assert "1 attachments were taken out here" in alternating(history, (history[0], *history[2:]))[0].text


def test_turns_that_the_client_repeated_itself_stay() -> None:
    history = parsed([say("user", "a"), say("user", "b"), answer("c"), answer("d"), say("user", "e")])
    assert alternating(history, history) == history


def test_other_families_keep_the_messages_as_they_are() -> None:
    after = (*TALK[:2], NOTE, *TALK[4:])
    assert adapted(PROFILES["openai"], TALK, after) is after


# -- whole requests, in all formats --------------------------------------------------------------------------------------


def requests(wires: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    system, messages = translated(wires)
    return {
        "openai.chat": {"messages": wires},
        "anthropic.messages": {"system": system, "messages": messages, "max_tokens": 500},
        "openai.responses": {"input": as_items(wires)},
        "openai.completions": {"prompt": "\n".join(str(wire.get("content")) for wire in wires)},
    }


def read(api: str, request: Any) -> tuple[Message, ...]:
    format_ = format_for(api, request)
    assert format_
    return format_.parse(request).messages  # type: ignore[union-attr]


@pytest.mark.parametrize("api", requests([]))
@pytest.mark.parametrize("strategy", ["adaptive", "sliding_window", "summarization", "hybrid"])
@pytest.mark.parametrize("model", ["mistral/mistral-large-latest", "hosted_vllm/some-model"])
def test_strict_models_get_turns_that_alternate_within_the_limit(api: str, strategy: str, model: str) -> None:
    request = {"model": model, **requests(tool_talk(40))[api]}
    guard = Guard(Settings(strategy=strategy))  # type: ignore[arg-type]
    fitted = guard.process(request, api=api, max_input_tokens=5_000)
    assert fitted.report.action == "compacted"
    assert fitted.report.note == ""
    assert fitted.report.tokens_after <= 5_000
    before, after = read(api, request), read(api, fitted.request)
    assert family_complaint((), after, replace(MISTRAL, call_ids="")) is None
    assert "And now all together?" in texts(after)
    assert {one.id for message in after for one in message.calls} <= {one.id for message in before for one in message.calls}


@pytest.mark.parametrize("model", ["mistral/mistral-large-latest", "gpt-4o"])
def test_a_turn_starts_with_what_the_turn_before_was_sent_except_where_an_epoch_opened(model: str) -> None:
    wires, guard, before, epochs = tool_talk(40), Guard(), [], 0
    for end in range(2, len(wires) + 1, 6):
        fitted = guard.process({"model": model, "messages": wires[:end]}, max_input_tokens=6_000)
        messages = list(fitted.request["messages"])
        recalled = before and messages[len(before) - 1 : len(before)] != before[-1:]
        assert messages[: len(before) - bool(recalled)] == before[: len(before) - bool(recalled)] or fitted.report.epochs > epochs
        before, epochs = messages, fitted.report.epochs
    assert epochs > 1


def test_the_report_says_where_a_strict_model_may_refuse() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    wires = [say("system", "s"), say("user", "task")]
    for number in range(30):
        wires += [answer(listing(number, 20)), say("user", [image])]
    fitted = Guard(Settings(profile="strict", strategy="sliding_window")).process({"model": "m", "messages": wires}, max_input_tokens=6_000)
    assert fitted.report.action == "compacted"
    assert fitted.report.note in ("", "the model may refuse: 1 turn(s) of the same side in a row")


def test_an_alias_is_looked_up_by_its_base_model() -> None:
    place = Deployment(id="d", group="g", model_info={"base_model": "mistral/mistral-large-latest", "max_input_tokens": 10_000})
    fitted = Guard().process({"model": "azure/prod", "messages": tool_talk(40)}, deployment=place)
    assert not any(is_note(message) for message in parsed(fitted.request["messages"]))
    assert family_complaint((), parsed(fitted.request["messages"]), STRICT) is None


def test_an_agents_session_keeps_its_tool_exchanges() -> None:
    fitted = Guard(Settings(profile="strict")).process({"model": "m", "messages": agent(90)}, max_input_tokens=16_000)
    messages = parsed(fitted.request["messages"])
    assert sum(bool(message.calls) for message in messages) > 3
    assert family_complaint((), messages, STRICT) is None


def test_strict_models_get_ascii_brackets_and_what_has_them_is_recognised() -> None:
    guard, request = Guard(Settings(profile="strict")), {"model": "m", "messages": agent(90)}
    once = guard.process(request, max_input_tokens=8_000)
    words = texts(parsed(once.request["messages"]))
    assert "[[compacted: " in words
    assert "⟦" not in words
    assert guard.process(once.request, max_input_tokens=8_000).request is once.request


def test_a_bracket_of_the_clients_own_stays() -> None:
    wires = [say("system", "s"), say("user", "What does ⟦x⟧ mean?"), *agent(90)[2:]]
    fitted = Guard(Settings(profile="strict", strategy="sliding_window")).process({"model": "m", "messages": wires}, max_input_tokens=8_000)
    assert fitted.request["messages"][1] == wires[1]


BEDROCK = (
    "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "bedrock/meta.llama3-1-70b-instruct-v1:0",
    "bedrock/amazon.nova-pro-v1:0",
)


@pytest.mark.parametrize("model", BEDROCK)
@pytest.mark.parametrize("cap", [900, 1_400, 2_000, 3_000])
def test_on_bedrock_a_reply_stays_between_results_and_the_users_next_words(model: str, cap: int) -> None:
    messages = [say("system", "Be brief.")]
    for number in range(30):
        messages += [say("user", f"Question {number}: " + "which one is it? " * (number % 7)), call(f"c{number}", path=f"{number}.py")]
        messages += [result(f"c{number}", "rows " * (10 + number * 7 % 60)), answer(f"Reply {number}. " + "So it is. " * (number * 5 % 40))]
    out = fit({"model": model, "messages": [*messages, say("user", "And now?")]}, api="openai.chat", max_input_tokens=cap).request[
        "messages"
    ]
    assert len(out) < len(messages)
    assert not [other for one, other in pairwise(out) if one["role"] == "tool" and other["role"] == "user"]
