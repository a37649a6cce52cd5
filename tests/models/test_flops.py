import pytest
import torch
from torch import Tensor, nn

from pytorchvideo_clone.hub import create_model, model_entry
from pytorchvideo_clone.models import count_flops
from pytorchvideo_clone.recipes.inputs import example_input


class Attention(nn.Module):
    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return nn.functional.scaled_dot_product_attention(q, k, v)


def test_convolutions_and_products_count_as_arithmetic_has_it() -> None:
    layers = nn.Sequential(
        nn.Conv3d(3, 8, (3, 3, 3), stride=(1, 2, 2), padding=1, bias=False),
        nn.ReLU(),
        nn.Conv3d(8, 8, 3, padding=1, groups=8, bias=False),
        nn.AdaptiveAvgPool3d(1),
        nn.Flatten(),
        nn.Linear(8, 5),
    )
    places = 4 * 6 * 6
    convolutions = places * 8 * (3 * 27) + places * 8 * 27
    assert count_flops(layers, torch.zeros(2, 3, 4, 12, 12)) == 2 * (convolutions + 8 * 5)
    assert layers.training


def test_fused_attention_counts_its_two_products() -> None:
    shapes = [(2, 3, 10, 4), (2, 3, 7, 4), (2, 3, 7, 6)]
    tensors = [torch.zeros(shape) for shape in shapes]
    assert count_flops(Attention(), *tensors) == 2 * 3 * (10 * 7 * 4 + 10 * 7 * 6)


def test_a_model_counts_what_was_published() -> None:
    entry = model_entry("x3d_xs")
    assert entry.weights is not None
    clip = example_input(entry.input_spec)
    flops = count_flops(create_model("x3d_xs"), clip)
    assert flops / 1e9 == pytest.approx(entry.weights.gflops, rel=0.01)
