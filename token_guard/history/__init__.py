"""A session through its requests: where it was compacted, what is forwarded now, what is recalled, and whose session it is."""

__all__: list[str] = []
