"""What every family promises, on its smallest member."""

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from pytorchvideo_clone.models import (
    create_2plus1d_basic_block,
    create_2plus1d_stem,
    create_acoustic_resnet,
    create_audio_visual_slowfast,
    create_basic_resnet,
    create_csn,
    create_multiscale_vision_transformers,
    create_r2plus1d,
    create_resnet,
    create_resnet_with_roi_head,
    create_slowfast,
    create_slowfast_with_roi_head,
    create_x3d,
)
from tests.models.shallow import keep_kinds_of_blocks

BOXES = torch.tensor([[0, 1.0, 2.0, 30.0, 40.0], [1, 5.0, 5.0, 60.0, 60.0]])
SLOWFAST: dict[str, Any] = {
    "model_depth": 18,
    "stem_dim_outs": (16, 2),
    "model_num_class": 3,
    "head_pool_kernel_sizes": ((2, 1, 1), (8, 1, 1)),
}
MVIT: dict[str, Any] = {
    "spatial_size": 16,
    "depth": 3,
    "patch_embed_dim": 16,
    "num_heads": 2,
    "head_num_classes": 3,
    "embed_dim_mul": [[1, 2.0]],
    "atten_head_mul": [[1, 2.0]],
    "pool_q_stride_size": [[1, 1, 2, 2]],
    "pool_kv_stride_adaptive": [1, 2, 2],
    "pool_kvq_kernel": [3, 3, 3],
}
FAMILIES: dict[str, tuple[Callable[[], nn.Module], Callable[[], tuple]]] = {
    "resnet": (
        lambda: create_resnet(stem_dim_out=8, model_num_class=3, head_pool_kernel_size=(4, 1, 1)),
        lambda: (torch.randn(2, 3, 4, 32, 32),),
    ),
    "acoustic": (
        lambda: create_acoustic_resnet(stem_dim_out=8, model_num_class=3),
        lambda: (torch.randn(2, 1, 32, 1, 80),),
    ),
    "roi": (
        lambda: create_resnet_with_roi_head(stem_dim_out=8, model_num_class=3),
        lambda: (torch.randn(2, 3, 4, 64, 64), BOXES),
    ),
    "csn": (
        lambda: create_csn(stem_dim_out=8, model_num_class=3, head_pool_kernel_size=(1, 2, 2)),
        lambda: (torch.randn(2, 3, 8, 32, 32),),
    ),
    "r2plus1d": (
        lambda: create_r2plus1d(
            stem_dim_out=8, model_num_class=3, head_pool_kernel_size=(1, 1, 1), head_activation=None
        ),
        lambda: (torch.randn(2, 3, 4, 32, 32),),
    ),
    "basic resnet": (
        lambda: create_basic_resnet(stem_dim_out=8, model_num_class=3),
        lambda: (torch.randn(2, 3, 4, 32, 32),),
    ),
    "r2plus1d of basic blocks": (
        lambda: create_basic_resnet(
            stem_dim_out=8,
            model_num_class=3,
            stem=create_2plus1d_stem,
            block=create_2plus1d_basic_block,
        ),
        lambda: (torch.randn(2, 3, 4, 32, 32),),
    ),
    "x3d": (
        lambda: create_x3d(
            input_clip_length=4, input_crop_size=32, model_num_class=3, depth_factor=1.0
        ),
        lambda: (torch.randn(2, 3, 4, 32, 32),),
    ),
    "slowfast": (
        lambda: create_slowfast(**SLOWFAST),
        lambda: (torch.randn(2, 3, 8, 32, 32),),
    ),
    "slowfast of pathways": (
        lambda: create_slowfast(**SLOWFAST),
        lambda: ([torch.randn(2, 3, 2, 32, 32), torch.randn(2, 3, 8, 32, 32)],),
    ),
    "audio-visual slowfast": (
        lambda: create_audio_visual_slowfast(
            model_depth=18,
            stem_dim_outs=(16, 2, 8),
            model_num_class=3,
            head_pool_kernel_sizes=((2, 1, 1), (8, 1, 1), (4, 1, 5)),
        ),
        lambda: (
            [
                torch.randn(2, 3, 2, 32, 32),
                torch.randn(2, 3, 8, 32, 32),
                torch.randn(2, 1, 32, 1, 40),
            ],
        ),
    ),
    "slowfast roi": (
        lambda: create_slowfast_with_roi_head(**SLOWFAST),
        lambda: (torch.randn(2, 3, 8, 64, 64), BOXES),
    ),
    "mvit": (
        lambda: create_multiscale_vision_transformers(**MVIT, temporal_size=4),
        lambda: (torch.randn(2, 3, 4, 16, 16),),
    ),
    "mvit with relative positions": (
        lambda: create_multiscale_vision_transformers(
            **MVIT,
            temporal_size=4,
            abs_pos_embed=False,
            rel_pos_embed=True,
            residual_pool=True,
            cls_embed_on=False,
            dim_mul_in_att=True,
            separate_qkv=False,
        ),
        lambda: (torch.randn(2, 3, 4, 16, 16),),
    ),
    "mvit of images": (
        lambda: create_multiscale_vision_transformers(
            **MVIT,
            temporal_size=1,
            use_2d_patch=True,
            conv_patch_embed_kernel=(7, 7),
            conv_patch_embed_stride=(4, 4),
            conv_patch_embed_padding=(3, 3),
            pool_first=True,
            residual_pool=True,
        ),
        lambda: (torch.randn(2, 3, 16, 16),),
    ),
    "mvit with batch norms": (
        lambda: create_multiscale_vision_transformers(
            **MVIT, temporal_size=4, norm="batchnorm", cls_embed_on=False, separate_qkv=False
        ),
        lambda: (torch.randn(2, 3, 4, 16, 16),),
    ),
}
SHALLOW = {
    name: (lambda create=create: keep_kinds_of_blocks(create()), make_inputs)
    for name, (create, make_inputs) in FAMILIES.items()
}
families = pytest.mark.parametrize(("create", "make_inputs"), SHALLOW.values(), ids=SHALLOW)


@families
def test_gradients_reach_every_parameter(create, make_inputs) -> None:
    model = create()
    for parameter in model.parameters():  # residual branches begin at zero
        if parameter.dim() == 1:
            nn.init.normal_(parameter, 1.0, 0.1)
    model(*make_inputs()).square().sum().backward()
    without = [
        key
        for key, parameter in model.named_parameters()
        if parameter.grad is None or not parameter.grad.abs().sum() > 0
    ]
    assert without == []


@families
def test_copies_and_pickles_give_the_same_numbers(create, make_inputs) -> None:
    model, inputs = create().eval(), make_inputs()
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        torch.testing.assert_close(twin(*inputs), model(*inputs))


@families
def test_the_graph_has_no_breaks_and_any_batch_size(create, make_inputs) -> None:
    model, inputs = create().eval(), make_inputs()
    batch = torch.export.Dim.AUTO
    shapes = tuple([{0: batch} for _ in x] if isinstance(x, list) else {0: batch} for x in inputs)
    with torch.no_grad():
        # Strict: captured by what torch.compile(fullgraph=True) captures with.
        program = torch.export.export(model, inputs, dynamic_shapes=shapes, strict=True)
        twice = tuple(
            [torch.cat([y, y]) for y in x] if isinstance(x, list) else torch.cat([x, x])
            for x in inputs
        )
        torch.testing.assert_close(program.module()(*twice), model(*twice))


@pytest.mark.slow
@families
def test_onnx_gives_the_same_numbers(create, make_inputs, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    model, inputs = create().eval(), make_inputs()
    path = tmp_path / "model.onnx"
    with torch.no_grad():
        expected = model(*inputs)
        torch.onnx.export(model, inputs, path, dynamo=True, verbose=False)
    session = runtime.InferenceSession(path)
    flat = [tensor for x in inputs for tensor in (x if isinstance(x, list) else [x])]
    feeds = {slot.name: x.numpy() for slot, x in zip(session.get_inputs(), flat, strict=True)}
    torch.testing.assert_close(
        torch.from_numpy(session.run(None, feeds)[0]), expected, atol=1e-5, rtol=1e-4
    )


@families
def test_inputs_are_left_as_they_were(create, make_inputs) -> None:
    inputs = make_inputs()
    before = copy.deepcopy(inputs)
    create()(*inputs)
    torch.testing.assert_close(inputs, before)


@families
def test_half_precision_works(create, make_inputs) -> None:
    model, inputs = create().eval(), make_inputs()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert model(*inputs).isfinite().all()
