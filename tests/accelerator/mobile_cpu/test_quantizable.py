import pytest
import torch
from torch import nn

from pytorchvideo_clone.accelerator.mobile_cpu.quantizable import (
    QuantizableFrameConv3d,
    QuantizableSwish,
)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("size", "stride", "padding", "dilation", "groups"),
    [
        ((1, 1, 1), 1, 0, 1, 1),
        ((3, 3, 3), (1, 2, 2), 1, 1, 4),
        ((5, 1, 1), (2, 1, 1), (2, 0, 0), 1, 2),
        ((3, 1, 2), (2, 1, 1), (3, 0, 1), (2, 1, 1), 1),
    ],
)
def test_the_form_computes_the_convolution(size, stride, padding, dilation, groups, bias) -> None:
    torch.manual_seed(0)
    conv = nn.Conv3d(4, 8, size, stride, padding, dilation, groups, bias).double()
    form = QuantizableFrameConv3d(conv)
    for frames in (4, 7):
        clip = torch.randn(2, 4, frames, 6, 7, dtype=torch.float64)
        torch.testing.assert_close(form(clip), conv(clip), rtol=1e-12, atol=1e-12)


def test_other_paddings_are_refused() -> None:
    with pytest.raises(ValueError, match="its padding_mode is 'replicate', not 'zeros'"):
        QuantizableFrameConv3d(nn.Conv3d(3, 4, 3, padding=1, padding_mode="replicate"))


def test_swish_is_that_of_torch() -> None:
    x = torch.linspace(-5, 5, 31)
    torch.testing.assert_close(QuantizableSwish()(x), nn.functional.silu(x))
