"""The models for `torch.hub.load`, by the names and with the arguments of `pytorchvideo_clone.hub`.

>>> import torch
>>> model = torch.hub.load(".", "x3d_xs", source="local", pretrained=False)
"""

from pytorchvideo_clone import hub as _hub

dependencies = ["torch", "torchvision", "iopath"]

globals().update({_name: getattr(_hub, _name) for _name in _hub.list_models()})
