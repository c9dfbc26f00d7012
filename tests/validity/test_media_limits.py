"""More images or bytes than a provider takes: the oldest become words in batches, the newest stay."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from anthropic_rules import anthropic_refusal
from build import call, parsed, result, say

from token_guard import Guard, fit
from token_guard.validity.media import attachments, within_media_limits
from token_guard.validity.profiles import Profile

DATA = "iVBORw0KGgo="
PNG = f"data:image/png;base64,{DATA}"
PICTURE = {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}}
TEN_IMAGES = Profile("anthropic", max_images=10)


def shots(count: int) -> list[dict[str, Any]]:
    """A session in which a tool shows one picture after the other."""
    rounds = [
        wire
        for number in range(count)
        for wire in (call(f"s{number}", "screenshot"), result(f"s{number}", [{"type": "text", "text": f"shot {number}"}, PICTURE]))
    ]
    return [say("user", "Look."), *rounds]


def pictures(messages: Any) -> list[int]:
    """The numbers of the shots whose pictures are still there."""
    return [int(message.text.split()[1]) for message in messages if message.results and attachments([message])]


def test_nothing_is_touched_up_to_the_limit() -> None:
    messages = parsed(shots(10))
    assert within_media_limits(messages, TEN_IMAGES) is messages
    assert within_media_limits(parsed(shots(99)), Profile("common")) == parsed(shots(99))


def test_beyond_the_limit_the_oldest_go_down_to_half_of_it() -> None:
    kept = within_media_limits(parsed(shots(11)), TEN_IMAGES)
    assert pictures(kept) == [6, 7, 8, 9, 10]
    assert kept[2].text == "shot 0\n⟦compacted: image taken out⟧"


def test_what_went_stays_away_and_between_two_batches_nothing_changes() -> None:
    views = [within_media_limits(parsed(shots(count)), TEN_IMAGES) for count in range(9, 30)]
    texts = [[message.text for message in view] for view in views]
    changed = [later[: len(earlier)] != earlier for earlier, later in pairwise(texts)]
    assert changed.count(True) == 4
    assert all(len(pictures(view)) <= 10 for view in views)


def test_bytes_are_a_limit_too() -> None:
    profile = Profile("gemini", max_media_bytes=4 * len(PNG))
    assert pictures(within_media_limits(parsed(shots(5)), profile)) == [3, 4]


def test_all_of_the_newest_message_stays_even_where_it_alone_is_too_much() -> None:
    history = [*shots(3), say("user", "And these?")]
    history[-1] = {"role": "user", "content": [{"type": "text", "text": "And these?"}, *[PICTURE] * 12]}
    kept = within_media_limits(parsed(history), TEN_IMAGES)
    assert (attachments(kept[:-1]), attachments(kept[-1:])) == (0, 12)


def test_a_picture_of_the_users_becomes_words_and_the_request_is_valid() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DATA}}
    turns = [
        {"role": role, "content": [{"type": "text", "text": f"{number}"}, *([image] if role == "user" else [])]}
        for number in range(130)
        for role in ("user", "assistant")
    ]
    request = {"model": "claude-sonnet-4-5", "max_tokens": 100, "messages": [*turns, {"role": "user", "content": "Which?"}]}
    done = fit(request, api="anthropic.messages", max_input_tokens=10**6)
    blocks = [block for message in done.request["messages"] for block in message["content"] if isinstance(block, dict)]
    assert sum(block["type"] == "image" for block in blocks) <= 100
    assert {"type": "text", "text": "⟦compacted: image taken out⟧"} in blocks
    assert not anthropic_refusal(done.request)
    assert done.report.action == "compacted"
    assert done.report.repaired == ("51 attachment(s) more than the provider takes",)
    assert done.report.tokens_after < done.report.tokens_before


def test_on_responses_too() -> None:
    entries = [{"role": "user", "content": [{"type": "input_image", "image_url": PNG}]} for _ in range(501)]
    done = fit({"model": "gpt-4o", "input": [*entries, {"role": "user", "content": "Which?"}]}, max_input_tokens=10**7)
    kinds = [content["type"] for entry in done.request["input"] if isinstance(entry["content"], list) for content in entry["content"]]
    assert (kinds.count("input_image"), kinds.count("input_text")) == (250, 251)


@pytest.mark.parametrize("count", [120, 260])
def test_with_compaction_too_and_the_same_with_and_without_memory(count: int) -> None:
    warm = Guard()
    for end in range(201, 2 * count + 2, 20):
        request = {"model": "claude-sonnet-4-5", "messages": shots(count)[:end]}
        done = warm.process(request, max_input_tokens=20_000)
        assert done.request == Guard().process(request, max_input_tokens=20_000).request
        assert attachments(parsed(done.request["messages"])) <= 100
        assert done.report.tokens_after <= 20_000


def test_what_has_room_is_the_same_object() -> None:
    request = {"model": "claude-sonnet-4-5", "messages": shots(100)}
    assert fit(request, max_input_tokens=10**6).request is request
