"""From a clip to a model's input."""

__all__: list[str] = []
