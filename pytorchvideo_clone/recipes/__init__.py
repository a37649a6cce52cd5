"""Training and evaluation, on Lightning."""

__all__: list[str] = []
