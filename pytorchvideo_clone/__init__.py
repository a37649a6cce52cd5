"""Video understanding on PyTorch: data, transforms, models and deployment."""

from pytorchvideo_clone import _moved

__version__ = "0.1.0"

_moved.install()
