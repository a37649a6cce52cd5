import pytest
import torch
from torch import nn

from pytorchvideo_clone.accelerator.mobile_cpu import pool

CASES = {
    "AdaptiveAvgPool3dOutSize1": ((), nn.AdaptiveAvgPool3d(1), (2, 3, 4, 6, 7)),
    "AdaptiveAvgPool2dOutSize1": ((), nn.AdaptiveAvgPool2d(1), (2, 3, 6, 7)),
    "AdaptiveAvgPool3d": (((2, 2, 3),), nn.AdaptiveAvgPool3d((2, 2, 3)), (2, 3, 4, 6, 7)),
    "AdaptiveAvgPool2d": ((3,), nn.AdaptiveAvgPool2d(3), (2, 3, 6, 7)),
}


@pytest.mark.parametrize("name", pool.__all__)
def test_pool_is_that_of_torch_before_and_after_conversion(name: str) -> None:
    arguments, expected, shape = CASES[name]
    block = getattr(pool, name)(*arguments)
    x = torch.randn(shape)
    torch.testing.assert_close(block(x), expected(x))
    block.convert(shape)
    torch.testing.assert_close(block(x), expected(x))
    # PyTorchVideo's form is bound to one size.
    larger = torch.randn(*shape[:-1], 2 * shape[-1])
    torch.testing.assert_close(block(larger), expected(larger))
