"""From a model to a device."""

__all__: list[str] = []
