"""From a path to samples: videos, decoders, clip samplers and data sets."""

__all__: list[str] = []
