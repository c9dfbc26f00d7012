"""What a request says beside its messages, wherever it says it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from token_guard.conversation import Opaque
from token_guard.formats.blobs import without_blobs
from token_guard.formats.wire import as_opaque, expect, mapping_or_empty

__all__ = ["documents_of", "fields_of", "schema_of", "tools_of"]


def fields_of(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields of a request, those of its `extra_body` among them, which LiteLLM and the SDKs put beside the others where these are
    empty; the very request where there is none."""
    beside = request.get("extra_body")
    if not beside or not isinstance(beside, Mapping):
        return request
    return {**request, **{key: value for key, value in beside.items() if not request.get(key)}}


def tools_of(tools: Any) -> list[Any] | None:
    """Definitions of tools; those of the provider's own without the files in them (the mask of a picture)."""
    if not tools:
        return None
    expect(tools, (list, tuple), "tools")
    return [tool if _is_named(tool) else without_blobs(tool)[0] for tool in tools]


def _is_named(tool: Any) -> bool:
    """Whether a tool is the client's own, a function as a rule."""
    return isinstance(tool, dict) and ("function" in tool or "name" in tool)


def documents_of(fields: Mapping[str, Any]) -> Opaque | None:
    """The documents of Cohere and of vLLM's chat templates, which write them into the prompt."""
    documents = fields.get("documents") or mapping_or_empty(fields.get("chat_template_kwargs")).get("documents")
    return as_opaque(documents) if documents and isinstance(documents, (list, tuple)) else None


def schema_of(response_format: Any) -> Any:
    """The JSON schema of a pydantic model, any other format as it is."""
    schema = getattr(response_format, "model_json_schema", None) if isinstance(response_format, type) else None
    return {"type": "json_schema", "json_schema": {"schema": schema()}} if callable(schema) else response_format
