"""How a request goes on with a conversation that is held: by the marks of its turns, in each format."""

from __future__ import annotations

from typing import Any

import pytest
from build import answer, call, result, say

from token_guard.formats.dialogue import HELD_APIS, Dialogue, dialogue_of, reply_of, with_dialogue
from token_guard.sessions.held import Held, Joined, joined

CHAT, MESSAGES, RESPONSES = "openai.chat", "anthropic.messages", "openai.responses"


def sent(*messages: Any, api: str = CHAT, **more: Any) -> Dialogue:
    found = dialogue_of(api, {"input" if api == RESPONSES else "messages": list(messages), **more})
    assert isinstance(found, Dialogue)
    return found


def wires(held: Held) -> Any:
    fields = with_dialogue(held.api, held.dialogue)
    return fields["input" if held.api == RESPONSES else "messages"]


class Session:
    """A session over its requests; each is answered."""

    def __init__(self, api: str = CHAT) -> None:
        self.api = api
        self.held: Held | None = None

    def ask(self, *messages: Any, reply: Any = None, **more: Any) -> Joined:
        found = joined(self.held, sent(*messages, api=self.api, **more), self.api)
        said = answer() if reply is None else reply
        self.held = found.held.with_reply(sent(*(said if isinstance(said, list) else [said]), api=self.api).turns)
        self.held = Held.of_text(self.held.as_text())
        return found


def test_what_is_new_is_put_behind_what_is_held() -> None:
    session = Session()
    outcomes = [session.ask(say("user", words)).outcome for words in ("One", "Two", "Three")]
    assert outcomes == ["started", "added", "added"]
    assert wires(session.held) == [message for words in ("One", "Two", "Three") for message in (say("user", words), answer())]


def test_a_client_that_sends_its_history_is_not_doubled() -> None:
    session = Session()
    history = [say("system", "Be brief.")]
    for words in ("One", "Two", "Three"):
        history.append(say("user", words))
        assert session.ask(*history).outcome in ("started", "sent")
        history.append(answer())
        assert wires(session.held) == history


@pytest.mark.parametrize(
    "reply",
    [
        {"role": "assistant", "content": [{"type": "text", "text": "Done."}]},
        {"role": "assistant", "content": " Done.\n", "refusal": None, "annotations": []},
        {"role": "assistant", "content": "Done.", "reasoning_content": "Let me think."},
    ],
)
def test_a_reply_that_comes_back_in_another_spelling_is_known(reply: Any) -> None:
    session = Session()
    session.ask(say("user", "One"))
    assert session.ask(say("user", "One"), reply, say("user", "Two")).outcome == "sent"


def test_a_call_that_comes_back_with_its_result_is_not_doubled() -> None:
    session = Session()
    session.ask(say("user", "Read a."), reply=call("1", path="a"))
    spelled = call("1", path="a")
    spelled["tool_calls"][0]["function"]["arguments"] = '{ "path" : "a" }'
    assert session.ask(spelled, result("1", "text")).outcome == "added"
    assert wires(session.held) == [say("user", "Read a."), call("1", path="a"), result("1", "text"), answer()]


def test_a_result_alone_follows_its_call() -> None:
    session = Session()
    session.ask(say("user", "Read a."), reply=call("1", path="a"))
    assert session.ask(result("1", "text")).outcome == "added"
    assert wires(session.held) == [say("user", "Read a."), call("1", path="a"), result("1", "text"), answer()]


def test_a_call_that_the_client_goes_on_without_is_taken_back() -> None:
    session = Session()
    both = {**call("1", path="a"), "content": "I will read it."}
    session.ask(say("user", "Read a."), reply=both)
    found = session.ask(say("user", "Never mind."))
    assert found.outcome == "added"
    assert wires(found.held) == [say("user", "Read a."), say("assistant", "I will read it."), say("user", "Never mind.")]
    alone = Session()
    alone.ask(say("user", "Read a."), reply=call("1", path="a"))
    assert wires(alone.ask(say("user", "Never mind.")).held) == [say("user", "Read a."), say("user", "Never mind.")]


def test_a_result_of_a_call_that_is_not_there_goes_on_as_it_was_sent() -> None:
    session = Session()
    session.ask(say("user", "One"))
    assert session.ask(result("other", "text")).outcome == "unlike"


def test_an_edited_message_begins_a_branch_that_is_held_from_then_on() -> None:
    session = Session()
    for end in ("Two", "Three"):
        session.ask(say("user", "One"), answer(), say("user", end))
    branch = [say("user", "One"), answer(), say("user", "Another")]
    assert session.ask(*branch).outcome == "sent"
    assert wires(session.held) == [*branch, answer()]


def test_a_client_that_takes_turns_back_is_followed() -> None:
    session = Session()
    history = [say("user", "One"), answer(), say("user", "Two"), answer(), say("user", "Three")]
    session.ask(*history)
    assert session.ask(*history[:3]).outcome == "sent"
    assert wires(session.held) == [*history[:3], answer()]


def test_a_client_that_sends_the_newest_of_its_history_gets_what_came_before() -> None:
    session = Session()
    session.ask(say("user", "One"))
    session.ask(say("user", "Two"))
    assert session.ask(say("user", "Two"), answer(), say("user", "Three")).outcome == "added"
    assert wires(session.held) == [message for words in ("One", "Two", "Three") for message in (say("user", words), answer())]


def test_the_same_first_words_again_are_the_same_request_until_the_client_is_known() -> None:
    session = Session()
    assert [session.ask(say("user", "Hi")).outcome for _ in range(2)] == ["started", "sent"]
    assert session.ask(say("user", "And now?")).outcome == "added"
    assert session.ask(say("user", "Hi")).outcome == "added"
    assert wires(session.held) == [message for words in ("Hi", "And now?", "Hi") for message in (say("user", words), answer())]


def test_a_client_that_sends_its_history_may_begin_another_conversation() -> None:
    session = Session()
    session.ask(say("user", "One"))
    session.ask(say("user", "One"), answer(), say("user", "Two"))
    found = session.ask(say("system", "Name this chat."), say("user", "One, two"))
    assert found.outcome == "sent"
    assert wires(found.held) == [say("system", "Name this chat."), say("user", "One, two")]


def test_the_instructions_that_were_sent_last_hold() -> None:
    session = Session()
    session.ask(say("system", "Be brief."), say("user", "One"))
    assert wires(session.ask(say("user", "Two")).held)[0] == say("system", "Be brief.")
    found = session.ask(say("system", "Be long."), say("user", "Three"))
    assert [wire for wire in wires(found.held) if wire["role"] == "system"] == [say("system", "Be long.")]
    for api, field in ((MESSAGES, "system"), (RESPONSES, "instructions")):
        other = Session(api)
        other.ask(say("user", "One"), **{field: "Be brief."})
        assert with_dialogue(api, other.ask(say("user", "Two")).held.dialogue)[field] == "Be brief."
        assert with_dialogue(api, other.ask(say("user", "Two"), **{field: "Be long."}).held.dialogue)[field] == "Be long."


def test_a_conversation_of_another_format_is_no_other_ones_history() -> None:
    session = Session()
    session.ask(say("user", "One"))
    assert joined(session.held, sent(say("user", "Two"), api=MESSAGES), MESSAGES).outcome == "unlike"
    whole = sent(say("user", "One"), say("assistant", "Done."), say("user", "Two"), api=MESSAGES)
    assert joined(session.held, whole, MESSAGES).outcome == "sent"


USE = {"role": "assistant", "content": [{"type": "text", "text": "I look."}, {"type": "tool_use", "id": "1", "name": "ls", "input": {}}]}
GIVEN = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "a.py"}]}


def test_calls_of_messages_stay_with_their_results() -> None:
    session = Session(MESSAGES)
    session.ask(say("user", "List."), reply=USE)
    assert wires(session.ask(GIVEN, reply=say("assistant", "One file.")).held) == [say("user", "List."), USE, GIVEN]
    other = Session(MESSAGES)
    other.ask(say("user", "List."), reply=USE)
    text = {"role": "assistant", "content": [{"type": "text", "text": "I look."}]}
    assert wires(other.ask(say("user", "No.")).held) == [say("user", "List."), text, say("user", "No.")]


REASONED = [
    {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "sealed"},
    {"type": "function_call", "id": "fc_1", "call_id": "1", "name": "ls", "arguments": "{}"},
]
OUTPUT = {"type": "function_call_output", "call_id": "1", "output": "a.py"}


def test_items_of_responses_stay_with_their_reasoning_and_their_outputs() -> None:
    session = Session(RESPONSES)
    session.ask(say("user", "List."), reply=REASONED)
    assert wires(session.ask(OUTPUT).held) == [say("user", "List."), *REASONED, OUTPUT]
    whole = Session(RESPONSES)
    whole.ask(say("user", "List."), reply=REASONED)
    # some clients send no reasoning back
    assert whole.ask(say("user", "List."), REASONED[1], OUTPUT).outcome == "sent"
    other = Session(RESPONSES)
    other.ask(say("user", "List."), reply=REASONED)
    assert wires(other.ask(say("user", "No.")).held) == [say("user", "List."), say("user", "No.")]


def test_a_text_for_an_input_is_a_message() -> None:
    found = dialogue_of(RESPONSES, {"input": "One"})
    assert isinstance(found, Dialogue)
    assert with_dialogue(RESPONSES, found) == {"input": [say("user", "One")]}


@pytest.mark.parametrize("field", ["previous_response_id", "conversation", "background"])
def test_what_its_provider_holds_is_held_by_nobody_else(field: str) -> None:
    assert dialogue_of(RESPONSES, {"input": "One", field: "resp_1"}) is None


@pytest.mark.parametrize("api", HELD_APIS)
def test_an_answer_that_is_not_whole_is_no_reply(api: str) -> None:
    for broken in ({}, {"choices": []}, {"choices": [{}, {}]}, {"content": [], "stop_reason": None}, {"output": [], "status": "failed"}):
        assert reply_of(api, {}, broken) is None


def test_of_several_choices_none_is_held() -> None:
    choice = {"message": answer(), "finish_reason": "stop"}
    assert reply_of(CHAT, {}, {"choices": [choice]}) == sent(answer()).turns
    assert reply_of(CHAT, {}, {"choices": [choice, choice]}) is None


def test_what_its_provider_does_not_store_goes_back_without_ids_it_would_look_for() -> None:
    items = [{"type": "reasoning", "id": "rs_1", "summary": []}, REASONED[1]]
    stored = reply_of(RESPONSES, {}, {"status": "completed", "output": items})
    alone = reply_of(RESPONSES, {"store": False}, {"status": "completed", "output": items})
    assert stored is not None
    assert alone is not None
    assert [wire for turn in stored for wire in turn.wires] == items
    assert [wire for turn in alone for wire in turn.wires] == [{key: value for key, value in REASONED[1].items() if key != "id"}]
