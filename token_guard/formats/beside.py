"""What a request says beside its messages, wherever it says it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from token_guard.conversation import Opaque
from token_guard.formats.blobs import without_blobs
from token_guard.formats.wire import as_opaque, expect, mapping_or_empty

__all__ = ["documents_of", "of_request", "schema_of", "tools_of"]


def of_request(request: Mapping[str, Any], key: str) -> Any:
    """A field of a request, or what its `extra_body` has under that name, which LiteLLM and the SDKs put beside the other fields."""
    value = request.get(key)
    return value or mapping_or_empty(request.get("extra_body")).get(key, value)


def tools_of(request: Mapping[str, Any], *keys: str) -> list[Any] | None:
    """The definitions of the tools of a request, under the first of the names that has any; those of the provider's own tools without
    the files in them (the mask of a picture)."""
    found = next(filter(None, (of_request(request, key) for key in keys)), None)
    tools = list(expect(found, (list, tuple), "tools")) if found else []
    return [tool if _is_named(tool) else without_blobs(tool)[0] for tool in tools] or None


def _is_named(tool: Any) -> bool:
    """Whether a tool is the client's own, a function as a rule."""
    return isinstance(tool, dict) and ("function" in tool or "name" in tool)


def documents_of(request: Mapping[str, Any]) -> Opaque | None:
    """The documents of Cohere and of vLLM's chat templates, which write them into the prompt."""
    template = mapping_or_empty(of_request(request, "chat_template_kwargs"))
    documents = of_request(request, "documents") or template.get("documents")
    return as_opaque(documents) if documents and isinstance(documents, (list, tuple)) else None


def schema_of(response_format: Any) -> Any:
    """The JSON schema of a pydantic model, any other format as it is."""
    schema = getattr(response_format, "model_json_schema", None) if isinstance(response_format, type) else None
    return {"type": "json_schema", "json_schema": {"schema": schema()}} if callable(schema) else response_format
