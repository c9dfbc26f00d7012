"""Calls in Gemini's own form (`/v1beta/models/X:generateContent`): which of them LiteLLM forwards as they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from litellm.types.utils import LlmProviders
from litellm.utils import ProviderConfigManager

__all__ = ["goes_to_gemini"]


def goes_to_gemini(request: Mapping[str, Any]) -> bool:
    """Whether LiteLLM forwards a call in Gemini's own form; calls to all other models it translates to chat completions."""
    ask = getattr(ProviderConfigManager, "get_provider_google_genai_generate_content_config", None)
    provider, model = str(request.get("custom_llm_provider") or ""), str(request.get("model") or "")
    name = provider or model.partition("/")[0]
    if ask is None or name not in {known.value for known in LlmProviders}:
        return False
    return ask(model=model.removeprefix(f"{name}/"), provider=LlmProviders(name)) is not None
