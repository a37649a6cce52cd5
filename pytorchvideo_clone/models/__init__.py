"""Component builders for video models: every knob."""

__all__: list[str] = []
