"""Data sets by name."""

__all__: list[str] = []
