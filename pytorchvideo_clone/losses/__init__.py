"""Loss functions, plain torch."""

__all__: list[str] = []
