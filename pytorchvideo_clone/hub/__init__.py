"""Model builders with their numbers and weights."""

__all__: list[str] = []
