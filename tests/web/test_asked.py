"""What a body of `POST /token-guard/count` asks."""

from __future__ import annotations

import pytest

from token_guard.web.asked import BadRequestError, asked_of


def test_variables_are_put_into_messages_as_their_json_wants_it() -> None:
    asked = asked_of({"messages": [{"role": "user", "content": "Say {{what}}"}], "variables": {"what": 'a "quote"\n'}})
    assert asked.request["messages"][0]["content"] == 'Say a "quote"\n'


def test_the_model_of_the_body_comes_before_that_of_its_request() -> None:
    request = {"model": "gpt-4.1", "messages": []}
    assert [asked_of({"request": request, **more}).model for more in ({}, {"model": "gpt-4o"})] == ["gpt-4.1", "gpt-4o"]


def test_without_variables_messages_are_the_very_ones() -> None:
    messages = [{"role": "user", "content": "Hi"}]
    assert asked_of({"messages": messages}).request["messages"] is messages


@pytest.mark.parametrize("model", [7, " ", ["gpt-4o"]])
def test_a_model_is_a_name(model: object) -> None:
    with pytest.raises(BadRequestError, match="model is a name"):
        asked_of({"text": "a", "model": model})
