"""What models of a family demand beyond what all do: a table, and how a model finds its row.

The rules that hold for all models alike (`rules.RULES`) are the common floor; a row only adds to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

__all__ = ["PROFILES", "Name", "Profile", "profile_of"]

Name: TypeAlias = Literal["common", "openai", "anthropic", "gemini", "mistral", "deepseek", "strict"]


@dataclass(frozen=True, slots=True)
class Profile:
    """One family of models.

    `alternates`: user turns and replies take turns, tool exchanges aside, so that notes join the user's messages.
    `call_ids`: the form of tool call ids, as a pattern; empty where any does. `reasoning`: which turns must come back with
    the reasoning that they came with. `plain_marks`: ASCII stands around the guard's own words. `merges_results`: what the
    user says right behind tool results is sent as one turn with them. `max_images` and `max_media_bytes`: what one request
    may have of them, bytes as they are sent, in base64; None where nothing is known.
    """

    name: Name
    alternates: bool = False
    call_ids: str = ""
    reasoning: Literal["last turn", "call turns"] = "last turn"
    plain_marks: bool = False
    merges_results: bool = False
    max_images: int | None = None
    max_media_bytes: int | None = None


PROFILES: Mapping[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile("common"),
        # https://platform.openai.com/docs/guides/images-vision: 500 images and 50 MB a request, of which text has some room here
        Profile("openai", max_images=500, max_media_bytes=46_000_000),
        # https://docs.anthropic.com/en/api/messages: the pattern of tool_use.id; its guide to vision: 100 images; its overview: 32 MB
        Profile("anthropic", call_ids=r"[a-zA-Z0-9_-]+", max_images=100, max_media_bytes=28_000_000),
        # https://ai.google.dev/gemini-api/docs/image-understanding: 20 MB a request, inline media included
        Profile("gemini", max_media_bytes=18_000_000),
        # its API: "Tool call id has to be a-z, A-Z, 0-9, with a length of 9", "Unexpected role 'user' after role 'tool'"
        Profile("mistral", alternates=True, call_ids=r"[a-zA-Z0-9]{9}"),
        # their APIs: "reasoning_content is missing in assistant tool call message"
        Profile("deepseek", reasoning="call turns"),
        # "Conversation roles must alternate user/assistant/...", of many chat templates; old vocabularies lack rare brackets
        Profile("strict", alternates=True, plain_marks=True),
    )
}

STRICT_PROVIDERS = frozenset(
    {
        *("hosted_vllm", "vllm", "ollama", "ollama_chat", "llamafile", "lm_studio", "xinference", "docker_model_runner"),
        *("lemonade", "oobabooga", "huggingface", "petals", "triton", "baseten"),
    }
)
"""LiteLLM's prefixes for servers that render a model's own chat template, whichever model it is."""

MERGING_PROVIDERS = frozenset({"bedrock", "bedrock_converse"})
"""LiteLLM's prefixes for what takes tool results as a turn of the user's, and joins turns of one side in a row
(docs.aws.amazon.com/bedrock, Converse: toolResult is content of a user message, and roles alternate)."""

FAMILIES: tuple[tuple[str, Name], ...] = (
    ("claude", "anthropic"),
    ("gemini", "gemini"),
    ("deepseek", "deepseek"),
    ("kimi", "deepseek"),
    ("moonshot", "deepseek"),
    ("mistral", "mistral"),
    ("mixtral", "mistral"),
    ("ministral", "mistral"),
    ("magistral", "mistral"),
    ("codestral", "mistral"),
    ("devstral", "mistral"),
    ("pixtral", "mistral"),
    ("gpt-", "openai"),
    ("chatgpt", "openai"),
)
"""Part of a model's name -> profile; the first that occurs decides. OpenAI's o-series and all unknown names are common, which
for them is the same."""


def profile_of(wanted: str, *models: str) -> Profile:
    """The profile of the name `wanted`; with "auto" that of the model, by any of its names with LiteLLM's provider prefix.

    >>> [profile_of("auto", name).name for name in ("mistral/mistral-large-latest", "ollama_chat/mistral", "openai/mine")]
    ['mistral', 'strict', 'common']
    """
    if wanted != "auto":
        return PROFILES[wanted]
    names = [model.lower() for model in models]
    providers = {name.partition("/")[0] for name in names}
    if not STRICT_PROVIDERS.isdisjoint(providers):
        return PROFILES["strict"]
    found = PROFILES[next((family for part, family in FAMILIES for name in names if part in name), "common")]
    return found if MERGING_PROVIDERS.isdisjoint(providers) else replace(found, merges_results=True)
