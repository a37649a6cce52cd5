import torch

from pytorchvideo_clone.layers.swish import Swish, SwishFunction


def test_swish_is_x_times_sigmoid_with_its_gradient() -> None:
    x = torch.randn(20, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(Swish()(x), x * torch.sigmoid(x))
    torch.testing.assert_close(SwishFunction.apply(x), x * torch.sigmoid(x))
    assert torch.autograd.gradcheck(SwishFunction.apply, (x,))
