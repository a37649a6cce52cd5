"""What every model of the table promises, small enough for a test: little input, shallow stages.

A new model is tested by being listed: as it is, with the input of its specification, or smaller if
its name is in `SMALL`.
"""

import copy
import pickle
from fnmatch import fnmatch
from typing import Any

import pytest
import torch
from torch import nn

from pytorchvideo_clone.accelerator import (
    convert_to_deployable_form,
    randomize_norms,
    transmute_model,
)
from pytorchvideo_clone.hub.registry import create_model, list_models, model_entry
from tests.models.shallow import keep_kinds_of_blocks

ANY_SIZE = {"head_pool": nn.AdaptiveAvgPool3d}
BOXES = torch.tensor([[0, 1.0, 2.0, 30.0, 40.0], [1, 5.0, 5.0, 60.0, 60.0]])
# Three blocks are enough to have every kind of block.
SHORT: dict[str, Any] = {
    "spatial_size": 64,
    "depth": 3,
    "embed_dim_mul": [[1, 2.0]],
    "atten_head_mul": [[1, 2.0]],
    "pool_q_stride_size": [[1, 1, 2, 2]],
}
POOLED = {"pool_q_stride_size": [[0, 1, 1, 1], [1, 1, 2, 2], [2, 1, 1, 1]]}
# Part of the name -> arguments of the builder, frames and side of the clip; the first one counts.
SMALL: dict[str, tuple[dict[str, Any], int, int]] = {
    "slow_r50_detection": ({"head_activation": None}, 4, 64),
    "slowfast_r50_detection": (
        {
            "head_activation": None,
            "head_pool_kernel_sizes": ((2, 1, 1), (8, 1, 1)),
            "model_depth": 18,
        },
        8,
        64,
    ),
    "mvit_base_16": (SHORT, 1, 64),
    "mvit_v2_s": ({**SHORT, **POOLED, "temporal_size": 4}, 4, 64),
    "mvit_*": ({**SHORT, "temporal_size": 4}, 4, 64),
    "slowfast_*": ({**ANY_SIZE, "model_depth": 18}, 8, 32),
    "efficient_x3d_*": ({}, 4, 32),
    "x3d_*": ({"input_clip_length": 4, "input_crop_size": 32, "depth_factor": 1.0}, 4, 32),
    "csn_*": ({**ANY_SIZE, "model_depth": 50}, 8, 32),
    "r2plus1d_*": ({**ANY_SIZE, "head_activation": None}, 4, 32),
    "*_r50": (ANY_SIZE, 4, 32),
    "*_18": ({}, 4, 32),
    "swin3d_*": ({"embed_dim": 32, "num_heads": (1, 2, 4, 8), "depths": (1, 2, 2, 1)}, 4, 64),
}
# What is made as small as in `SMALL` is the same network as another model of the table.
SAME = {
    "efficient_x3d_s": "efficient_x3d_xs",
    "mvit_base_32x3": "mvit_base_16x4",
    "swin3d_b": "swin3d_t",
    "swin3d_s": "swin3d_t",
    "x3d_l": "x3d_xs",
    "x3d_m": "x3d_xs",
    "x3d_s": "x3d_xs",
}
# The head reads the class token, which is neither pooled nor has a place, so that what the last
# block does with the other queries goes nowhere; in the published network too.
WITHOUT_GRADIENT = {
    "mvit_v2_s": [
        f"blocks.2.attn.{part}" for part in ("pool_q.weight", *(f"rel_pos.{x}" for x in "thw"))
    ]
}


def small_settings(name: str) -> tuple[dict[str, Any], int, int]:
    _, frames, side, _ = model_entry(name).input_spec.input_shape
    found = (small for pattern, small in SMALL.items() if fnmatch(name, pattern))
    return next(found, ({}, frames, side))


@pytest.mark.parametrize(("left_out", "tested"), SAME.items())
def test_what_is_left_out_is_tested_under_another_name(left_out: str, tested: str) -> None:
    def describe(name: str) -> tuple:
        settings = small_settings(name)
        with torch.device("meta"):
            model = create_model(name, num_classes=3, **settings[0])
        shapes = [(key, value.shape) for key, value in model.state_dict().items()]
        return settings, repr(model), shapes

    assert describe(left_out) == describe(tested)
    assert tested in list_models()
    assert tested not in SAME


@pytest.fixture(scope="module", params=[name for name in list_models() if name not in SAME])
def case(request: pytest.FixtureRequest) -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """A model in evaluation and its inputs; not to be changed."""
    entry = model_entry(request.param)
    arguments, frames, side = small_settings(entry.name)
    torch.manual_seed(0)
    model = keep_kinds_of_blocks(create_model(entry.name, num_classes=3, **arguments)).eval()
    for parameter in model.parameters():
        if parameter.dim() == 1:  # residual branches begin at zero
            nn.init.normal_(parameter, 1.0, 0.1)
    clip = torch.randn(2, entry.input_spec.input_shape[0], frames, side, side)
    return model, (clip, BOXES) if entry.task == "detection" else (clip,)


def test_it_is_captured_as_one_graph(case) -> None:
    model, inputs = case
    torch.compiler.reset()  # each model is one more version of the same function
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    with torch.no_grad():
        torch.testing.assert_close(compiled(*inputs), model(*inputs))


def test_it_is_exported(case) -> None:
    model, inputs = case
    with torch.no_grad():
        program = torch.export.export(model, inputs, strict=False)
        torch.testing.assert_close(program.module()(*inputs), model(*inputs))


def test_it_is_copied_and_pickled(case) -> None:
    model, inputs = case
    with torch.no_grad():
        expected = model(*inputs)
        for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            torch.testing.assert_close(twin(*inputs), expected)


def test_it_runs_in_half_precision_and_channels_last(case) -> None:
    model, inputs = case
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert model(*inputs).isfinite().all()
    clip, *others = inputs
    clip = clip.contiguous(memory_format=torch.channels_last_3d)
    with torch.no_grad():
        torch.testing.assert_close(model(clip, *others), model(*inputs), atol=1e-4, rtol=1e-4)


def test_every_parameter_gets_a_gradient(case, request: pytest.FixtureRequest) -> None:
    name = request.node.callspec.params["case"]
    model, inputs = case
    model.zero_grad()
    model(*inputs).square().sum().backward()
    without = [
        key
        for key, parameter in model.named_parameters()
        if parameter.grad is None or not parameter.grad.abs().sum() > 0
    ]
    model.zero_grad()
    assert without == WITHOUT_GRADIENT.get(name, [])


def test_its_form_for_mobile_cpus_computes_the_same(case) -> None:
    model, inputs = case
    mobile = randomize_norms(model)  # one that is left out must show
    with torch.no_grad():
        expected = mobile(*inputs)
        transmute_model(mobile)
        torch.testing.assert_close(mobile(*inputs), expected)
        one = tuple(x[:1] for x in inputs)  # the first clip, and the box in it
        deployable = convert_to_deployable_form(mobile, one)
        torch.testing.assert_close(deployable(*inputs), expected, rtol=1e-3, atol=1e-4)
    assert not any(isinstance(part, nn.Conv3d) for part in deployable.modules())
    assert deployable.convert_report.difference < 1e-4
