from pathlib import Path

import onnx
import pytest
import torch
from torch import nn

from pytorchvideo_clone.accelerator.export import export_model

MODEL = nn.Sequential(nn.Conv3d(3, 4, 3, padding=1), nn.BatchNorm3d(4), nn.ReLU())
CLIP = torch.rand(1, 3, 4, 8, 8)


def test_the_file_names_its_input_and_says_what_may_change(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    export_model(MODEL, CLIP, path, metadata={"class_names": '["a"]'})
    model = onnx.load(path)
    stored = {entry.key: entry.value for entry in model.metadata_props}
    assert stored["class_names"] == '["a"]'
    assert [given.name for given in model.graph.input] == ["video"]
    assert [given.name for given in model.graph.output] == ["scores"]
    sizes = model.graph.input[0].type.tensor_type.shape.dim
    assert [size.dim_param or size.dim_value for size in sizes] == ["batch", 3, 4, 8, 8]


@pytest.mark.parametrize(("form", "rank"), [("frames", 4), ("conv3d", 5)])
def test_convolutions_are_of_the_form_asked_for(form: str, rank: int, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    report = export_model(MODEL, CLIP, path, form=form)
    # Over frames, three taps are a centre, two for the inner frames and one for each end.
    assert report.operators["Conv"] == (1 if form == "conv3d" else 5)
    graph = onnx.load(path).graph
    weights = {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    assert {len(weights[node.input[1]]) for node in convolutions} == {rank}


def test_an_unknown_form_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="form is 'conv1d'; choose one of conv3d, frames"):
        export_model(MODEL, CLIP, tmp_path / "model.onnx", form="conv1d")


@pytest.mark.skipif(
    Path("/proc/cpuinfo").exists() and "vnni" not in Path("/proc/cpuinfo").read_text("utf-8"),
    reason="without VNNI the products of ONNX Runtime's int8 saturate, beyond the tolerance",
)
def test_int8_is_written_as_pairs_but_for_what_is_kept(tmp_path: Path) -> None:
    model = nn.Sequential(*MODEL, nn.Conv3d(4, 2, (1, 3, 3)))
    path = tmp_path / "model.onnx"
    report = export_model(model, CLIP, path, int8=[CLIP], form="conv3d", metadata={"a": "b"})
    graph = onnx.load(path).graph
    made = {node.output[0]: node for node in graph.node}
    for conv in (node for node in graph.node if node.op_type == "Conv"):
        assert [made[name].op_type for name in conv.input[:2]] == ["DequantizeLinear"] * 2
        assert made[made[conv.input[0]].input[0]].op_type == "QuantizeLinear"
    # The clip, the activation and the scores; the weights have no operator that rounds.
    assert report.operators["QuantizeLinear"] == 3
    assert report.operators["DequantizeLinear"] == 5
    weights = [tensor for tensor in graph.initializer if len(tensor.dims) == 5]
    assert {tensor.data_type for tensor in weights} == {onnx.TensorProto.INT8}
    report = export_model(model, CLIP, path, int8=[CLIP], form="conv3d", keep=["3"])
    assert report.operators["QuantizeLinear"] == 2
    assert report.int8 is not None and report.int8.kept == ("3",)
