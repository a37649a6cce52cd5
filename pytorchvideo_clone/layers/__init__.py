"""Building blocks of the models, plain torch."""

__all__: list[str] = []
