"""Everything that knows LiteLLM: the callback, one attempt as a value, retries, refusals, headers, and what else a proxy needs."""

__all__: list[str] = []
