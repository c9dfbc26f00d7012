import pytest
from hypothesis import given
from hypothesis import strategies as st

from token_guard.limits.names import family_forms, folded, path_tails, spellings


@pytest.mark.parametrize("name", ["gpt-4", "GPT_4", "gpt4", "g.p.t 4"])
def test_folding_drops_case_and_signs(name: str) -> None:
    assert folded(name) == "gpt4"


@pytest.mark.parametrize(
    ("name", "known_as"),
    [
        ("bedrock/us-east-1/anthropic.claude-v2:1", "anthropic.claude-v2:1"),
        ("bedrock/converse/global.anthropic.claude-opus-4-5-20251101-v1:0", "claude-opus-4-5-20251101"),
        ("bedrock/arn:aws:bedrock:us-east-1:1234:inference-profile/eu.anthropic.claude-3-haiku-20240307-v1:0", "claude-3-haiku"),
        ("vertex_ai/claude-3-5-sonnet-v2@20241022", "claude-3-5-sonnet"),
        ("openrouter/google/gemini-2.5-pro:free", "gemini-2.5-pro"),
        ("openai/ft:gpt-4o-mini-2024-07-18:acme:suffix:id:ckpt-step-88", "ft:gpt-4o-mini-2024-07-18"),
        ("ollama/llama3:8b", "llama3"),
        ("mistral/mistral-large-latest", "mistral-large"),
    ],
)
def test_a_spelling_is_reduced_to_what_a_map_may_list(name: str, known_as: str) -> None:
    assert known_as in spellings(name)


@given(st.text())
def test_the_name_itself_comes_first_and_nothing_twice(name: str) -> None:
    forms = spellings(name)
    assert len(set(forms)) == len(forms)
    assert forms[:1] == path_tails(name.strip())[:1]


@given(st.text())
def test_any_text_has_a_family_form(name: str) -> None:
    assert family_forms(name)
