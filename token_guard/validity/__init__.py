"""What providers demand of a request, and what is mended where a client or a compaction would break it."""

__all__: list[str] = []
