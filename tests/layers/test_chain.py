import copy
import pickle

import torch
from torch import nn

from pytorchvideo_clone.layers.chain import Chain, make_activation, make_norm, module_list


def test_chain_skips_what_is_none_and_keeps_its_slot() -> None:
    chain = Chain(conv=nn.Conv3d(3, 4, 1), norm=None, activation=nn.ReLU())
    x = torch.randn(1, 3, 2, 5, 5)
    torch.testing.assert_close(chain(x), chain.conv(x).relu())
    assert chain.norm is None
    assert list(chain.state_dict()) == ["conv.weight", "conv.bias"]


def test_a_missing_layer_can_be_put_in_later() -> None:
    chain = Chain(first=None, second=nn.Conv3d(1, 1, 1))
    chain.first = nn.Conv3d(1, 1, 1)
    assert next(iter(chain.state_dict())) == "first.weight"


def test_chain_with_gaps_is_copied_and_pickled() -> None:
    chain = Chain(a=None, b=nn.Linear(2, 2), c=None)
    x = torch.randn(3, 2)
    for twin in (copy.deepcopy(chain), pickle.loads(pickle.dumps(chain))):
        torch.testing.assert_close(twin(x), chain(x))


def test_norm_gets_width_eps_and_momentum() -> None:
    norm = make_norm(nn.BatchNorm3d, 7, eps=0.25, momentum=0.5)
    assert (norm.num_features, norm.eps, norm.momentum) == (7, 0.25, 0.5)
    assert make_norm(None, 7) is None


def test_softmax_works_on_the_channels() -> None:
    x = torch.randn(2, 5, 3, 3)
    torch.testing.assert_close(make_activation(nn.Softmax)(x).sum(1), torch.ones(2, 3, 3))
    assert make_activation(None) is None
    assert isinstance(make_activation(nn.Tanh), nn.Tanh)


def test_module_list_keeps_the_place_of_none() -> None:
    modules = module_list([None, nn.Linear(2, 2), None])
    assert [module is None for module in modules] == [True, False, True]
    assert list(modules.state_dict()) == ["1.weight", "1.bias"]
