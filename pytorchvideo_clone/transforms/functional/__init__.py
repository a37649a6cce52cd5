"""The arithmetic of the transforms, as pure functions."""

__all__: list[str] = []
