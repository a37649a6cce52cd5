"""Write a model to a file for another runtime."""

__all__: list[str] = []
