import pytest
import torch
from torch.nn import functional

from pytorchvideo_clone.accelerator.mobile_cpu.activations import (
    make_activation,
    supported_act_functions,
)

FORMULAS = {
    "relu": functional.relu,
    "swish": lambda x: x * x.sigmoid(),
    "hswish": lambda x: x * (x + 3).clamp(0, 6) / 6,
    "identity": lambda x: x,
}


@pytest.mark.parametrize("name", supported_act_functions)
def test_activation_follows_its_formula_before_and_after_conversion(name: str) -> None:
    x = torch.linspace(-5, 5, 31)
    activation = make_activation(name)
    torch.testing.assert_close(activation(x), FORMULAS[name](x))
    activation.convert((31,), convert_for_quantize=True, native_conv3d_op_qnnpack=True)
    torch.testing.assert_close(activation(x), FORMULAS[name](x))


def test_an_unknown_name_is_refused_with_those_that_exist() -> None:
    with pytest.raises(AssertionError, match="'gelu'; choose one of relu, swish, hswish, identity"):
        make_activation("gelu")
