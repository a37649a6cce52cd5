"""Ego4D."""

from pytorchvideo_clone.data.datasets.ego4d.moments import MomentsClipSampler

__all__ = ["MomentsClipSampler"]
