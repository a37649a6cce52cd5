import copy

import pytest
import torch
from torch import nn

from pytorchvideo_clone.accelerator.mobile_cpu import (
    EFFICIENT_BLOCK_TRANSMUTER_REGISTRY,
    Conv3dPwBnAct,
    NoOpConvertBlock,
    create_x3d,
    transmute_model,
)
from pytorchvideo_clone.accelerator.mobile_cpu.decompose import why_not_replaced

LAYERS = {
    "Conv3dPwBnAct": nn.Conv3d(4, 6, 1),
    "Conv3d3x3x3DwBnAct": nn.Conv3d(4, 4, 3, (1, 2, 2), 1, groups=4),
    "Conv3dTemporalKernel1BnAct": nn.Conv3d(4, 6, (1, 3, 3), (1, 2, 2), (0, 2, 2), (1, 2, 2), 2),
    "Conv3d3x1x1BnAct": nn.Conv3d(4, 6, (3, 1, 1), padding=(1, 0, 0), bias=False),
    "Conv3d5x1x1BnAct": nn.Conv3d(4, 4, (5, 1, 1), padding=(2, 0, 0), groups=4),
}
LEFT = [
    nn.Conv3d(4, 4, 1, stride=(2, 1, 1)),
    nn.Conv3d(4, 4, 1, padding=(1, 0, 0)),
    nn.Conv3d(4, 4, 3, padding=1),
    nn.Conv3d(4, 4, 3, padding=(0, 1, 1), groups=4),
    nn.Conv3d(4, 4, (3, 1, 1), stride=(2, 1, 1), padding=(1, 0, 0)),
    nn.Conv3d(4, 4, (1, 3, 5), padding=(0, 1, 2)),
    nn.Conv3d(4, 4, 1, padding="same"),
    nn.Conv3d(4, 4, (1, 3, 3), padding=(0, 1, 1), padding_mode="replicate"),
]


@pytest.mark.parametrize("block", LAYERS)
def test_each_kind_becomes_its_block_around_the_same_weights(block: str) -> None:
    conv = LAYERS[block]
    model = nn.Sequential(nn.ReLU(), conv).train()
    x = torch.randn(2, 4, 3, 7, 7)
    expected = model(x)
    state = torch.random.get_rng_state()
    assert transmute_model(model) is None
    assert torch.equal(torch.random.get_rng_state(), state)
    assert type(model[1]).__name__ == block
    assert model.transmute_report.replaced == {"1": block}
    assert model[1].kernel.conv is conv
    assert model.training and model[1].training
    assert torch.equal(model(x), expected)
    model.eval()[1].convert((2, 4, 3, 7, 7))
    torch.testing.assert_close(model(x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("conv", LEFT, ids=str)
def test_what_has_no_block_stays_and_is_reported(conv: nn.Conv3d) -> None:
    reason = why_not_replaced(conv) or f"no block for {conv}"
    model = nn.Sequential(nn.Sequential(conv))
    transmute_model(model, prefix="net")
    assert model[0][0] is conv
    assert model.transmute_report.replaced == {}
    assert list(model.transmute_report.left) == ["net.0.0"]
    assert model.transmute_report.left["net.0.0"] == reason


def test_a_subclass_may_compute_something_else_and_stays() -> None:
    class Scaled(nn.Conv3d):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 2 * super().forward(x)

    model = nn.Sequential(Scaled(4, 4, 1))
    transmute_model(model)
    assert type(model[0]) is Scaled
    reason = "a Scaled may compute something else than a convolution"
    assert model.transmute_report.left == {"0": reason}


def test_a_subclass_that_only_sets_sizes_is_replaced_and_parametrized_weights_stay() -> None:
    class Pointwise(nn.Conv3d):
        def __init__(self) -> None:
            super().__init__(4, 4, 1)

    normed = nn.utils.parametrizations.weight_norm(nn.Conv3d(4, 4, 1))
    model = nn.Sequential(Pointwise(), normed)
    transmute_model(model)
    assert model.transmute_report.replaced == {"0": "Conv3dPwBnAct"}
    reason = "a ParametrizedConv3d may compute something else than a convolution"
    assert model.transmute_report.left == {"1": reason}


def test_a_layer_with_hooks_stays_as_they_may_change_what_it_computes() -> None:
    model = nn.Sequential(nn.Conv3d(4, 4, 1))
    model[0].register_forward_hook(lambda module, args, output: 2 * output)
    transmute_model(model)
    assert type(model[0]) is nn.Conv3d
    assert "hooks" in model.transmute_report.left["0"]


def test_a_model_that_is_one_layer_says_so() -> None:
    model = nn.Conv3d(4, 4, 1)
    transmute_model(model, prefix="stem")
    reason = "it is the model itself; put it into a nn.Sequential"
    assert model.transmute_report.left == {"stem": reason}


def test_a_model_is_transmuted_from_one_device_to_another() -> None:
    model = nn.Sequential(nn.Conv3d(4, 4, 1), nn.Conv3d(4, 4, 2))
    transmute_model(model, target_device="cpu")
    transmute_model(model)
    assert model.transmute_report.replaced == {"0": "Conv3dPwBnAct"}
    assert [type(part) for part in model.modules() if isinstance(part, nn.Conv3d)] == [
        nn.Conv3d,
        nn.Conv3d,
    ]
    transmute_model(model, target_device="cpu")
    assert set(model.transmute_report.replaced) == {"0.kernel.conv", "1"}


def test_a_layer_of_two_names_becomes_one_block() -> None:
    model = nn.ModuleDict({"a": nn.Conv3d(4, 4, 1)})
    model["b"] = nn.Sequential(model["a"])
    transmute_model(model)
    assert isinstance(model["a"], Conv3dPwBnAct)
    assert model["b"][0] is model["a"]


def test_efficient_blocks_stay_as_they_are() -> None:
    model = nn.Sequential(NoOpConvertBlock(nn.Conv3d(4, 4, 1)), create_x3d(num_classes=2).s1)
    before = copy.deepcopy(model)
    transmute_model(model)
    assert list(model.state_dict()) == list(before.state_dict())
    assert model.transmute_report.replaced == model.transmute_report.left == {}


def test_a_device_is_a_line_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    def relus(layer: nn.Module) -> NoOpConvertBlock | None:
        return NoOpConvertBlock(layer) if isinstance(layer, nn.ReLU) else None

    monkeypatch.setitem(EFFICIENT_BLOCK_TRANSMUTER_REGISTRY, "toaster", [relus])
    model = nn.Sequential(nn.ReLU(), nn.Conv3d(4, 4, 1))
    transmute_model(model, target_device="toaster")
    assert model.transmute_report.replaced == {"0": "NoOpConvertBlock"}
    assert list(model.transmute_report.left) == ["1"]
    with pytest.raises(AssertionError, match="'fpga'; choose one of mobile_cpu, toaster"):
        transmute_model(model, target_device="fpga")
