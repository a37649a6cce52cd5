import functools

import torch

from pytorchvideo_clone import transforms
from pytorchvideo_clone.transforms.base import Transform


class Draw(Transform):
    def __init__(self, steps, *rest, generator=None, **options):
        super().__init__()
        self.steps = steps
        self.generator = generator


def test_what_is_printed_makes_the_same_transform():
    scale = transforms.ShortSideScale(8, "bicubic")
    assert repr(scale) == "ShortSideScale(size=8, interpolation='bicubic')"
    assert repr(eval(repr(scale), vars(transforms))) == repr(scale)


def test_defaults_are_left_out_unless_their_type_differs():
    assert repr(transforms.RandomHorizontalFlip(0.5)) == "RandomHorizontalFlip()"
    assert repr(transforms.RandomHorizontalFlip(1)) == "RandomHorizontalFlip(p=1)"


def test_settings_within_settings_are_printed_as_they_are_written():
    chain = torch.nn.Sequential(transforms.Div255(), transforms.CenterCrop((4, 6)))
    steps = [chain, (torch.neg,), {"a": [functools.partial(torch.add, other=1)]}]
    assert repr(Draw(steps)) == (
        "Draw(steps=[Sequential(Div255(), CenterCrop(size=(4, 6))), (neg,), "
        "{'a': [partial(add, other=1)]}])"
    )
    assert repr(Draw(1, generator=torch.Generator())) == "Draw(steps=1, generator=Generator())"
