import pytest
import torch
from torch import nn

from pytorchvideo_clone.layers.mlp import Mlp, make_multilayer_perceptron


def test_layers_stand_in_order() -> None:
    perceptron, width = make_multilayer_perceptron(
        [6, 5, 4, 3],
        norm=nn.LayerNorm,
        mid_activation=nn.Tanh,
        final_activation=nn.Sigmoid,
        dropout_rate=0.5,
    )
    hidden = [nn.Linear, nn.LayerNorm, nn.Tanh]
    assert [type(layer) for layer in perceptron] == [
        *hidden,
        *hidden,
        nn.Linear,
        nn.Dropout,
        nn.Sigmoid,
    ]
    assert width == 3


def test_the_last_activation_can_be_left_out() -> None:
    perceptron, _ = make_multilayer_perceptron([6, 3], final_activation=None)
    assert len(perceptron) == 1


@pytest.mark.parametrize("dims", [[], [6], [6, 0, 3]])
def test_too_few_or_empty_widths_are_refused(dims: list) -> None:
    with pytest.raises(AssertionError, match="at least two positive widths"):
        make_multilayer_perceptron(dims)


def test_mlp_drops_after_both_layers() -> None:
    mlp = Mlp(4, hidden_features=100, out_features=50, act_layer=nn.Identity, dropout_rate=1.0)
    hidden = []
    mlp.fc2.register_forward_pre_hook(lambda module, args: hidden.append(args[0]))
    assert not mlp(torch.ones(2, 4)).any()
    assert not hidden[0].any()


def test_mlp_widths_default_to_the_input() -> None:
    mlp = Mlp(4, bias_on=False)
    assert mlp.fc1.weight.shape == mlp.fc2.weight.shape == (4, 4)
    assert mlp.fc1.bias is None
