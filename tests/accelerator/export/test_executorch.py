import copy
import gc
from pathlib import Path

import pytest
import torch
from torch import Tensor, fx, nn
from torchvision.ops import roi_align

from pytorchvideo_clone.accelerator.export import ExportError, export_model, load_exported
from pytorchvideo_clone.accelerator.export.executorch import load_executorch, write_executorch
from pytorchvideo_clone.accelerator.quantize import Int8
from tests.accelerator.export.test_exporter import export_and_check


def test_one_delegate_does_all_work_of_x3d(tmp_path: Path) -> None:
    report = export_and_check("executorch", "x3d", tmp_path)
    assert report.operators == {"executorch_call_delegate": 1}


def test_steps_over_time_are_delegated(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv3d(3, 4, 3, (2, 2, 2), 1), nn.Conv3d(4, 4, 1, (2, 1, 1)))
    report = export_model(model, torch.randn(1, 3, 8, 16, 16), tmp_path / "model.pte")
    assert report.operators == {"executorch_call_delegate": 1}


def test_results_of_one_call_outlive_the_next(tmp_path: Path) -> None:
    model = nn.Conv3d(3, 4, 1)
    export_model(model, torch.randn(1, 3, 2, 8, 8), tmp_path / "model.pte")
    exported = load_exported(tmp_path / "model.pte")
    clips = torch.randn(2, 3, 2, 8, 8)
    first = exported(clips[:1])
    exported(clips[1:])
    torch.testing.assert_close(first, model(clips[:1]), rtol=1e-4, atol=1e-5)


def test_the_number_of_threads_changes_only_while_no_file_is_in_use(tmp_path: Path) -> None:
    model, clip, path = nn.Conv3d(3, 4, 1), torch.randn(1, 3, 2, 8, 8), tmp_path / "model.pte"
    export_model(model, clip, path)
    gc.collect()  # files of other tests
    alone = load_exported(path, threads=1)
    torch.testing.assert_close(alone(clip), model(clip), rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="threads is 2, but 1 loaded files run on 1; delete those"):
        load_exported(path, threads=2)
    del alone
    both = load_exported(path, threads=2)
    torch.testing.assert_close(both(clip), model(clip), rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="threads is 0; use at least 1"):
        load_exported(path, threads=0)


class Computed(nn.Module):
    """A convolution that XNNPACK has not: its weights are computed."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 3, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.conv2d(x[:, :, 0], self.weight.tanh())


def test_heavy_operators_outside_are_an_error_unless_allowed(tmp_path: Path) -> None:
    clip, path = torch.randn(1, 3, 2, 8, 8), tmp_path / "model.pte"
    with pytest.raises(ExportError, match=r"XNNPACK leaves out 1 .*convolution.*allow_undelegated"):
        export_model(Computed(), clip, path)
    assert not path.exists()
    report = export_model(Computed(), clip, path, allow_undelegated=True)
    assert any("convolution" in name for name in report.operators)


class Boxes(nn.Module):
    """Looks at parts of a picture, as detection does."""

    def forward(self, x: Tensor, boxes: Tensor) -> Tensor:
        return roi_align(x[:, :, 0].relu(), boxes, (2, 2), sampling_ratio=2)


def test_an_operator_that_executorch_lacks_is_named(tmp_path: Path) -> None:
    inputs = (torch.randn(1, 3, 2, 8, 8), torch.tensor([[0.0, 1.0, 1.0, 5.0, 5.0]]))
    with pytest.raises(ExportError, match=r"^ExecuTorch has no torchvision::roi_align; export the"):
        export_model(Boxes(), inputs, tmp_path / "model.pte")


class Windows(nn.Module):
    """What video transformers are made of: norms, shifted windows, attention, steps over space."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.after = nn.LayerNorm(8), nn.LayerNorm(32)
        self.attention = nn.Linear(8, 24)
        self.head = nn.Linear(32, 5)

    def forward(self, x: Tensor) -> Tensor:
        b, _, t, h, w = x.shape
        y = self.before(x.permute(0, 2, 3, 4, 1)).roll((-1, -1, -1), (1, 2, 3))
        y = y.view(b, t // 2, 2, h // 2, 2, w // 2, 2, 8).permute(0, 1, 3, 5, 2, 4, 6, 7)
        y = self.attention(y.reshape(-1, 8, 8))
        q, k, v = y.reshape(-1, 8, 3, 2, 4).permute(2, 0, 3, 1, 4)
        y = nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2)
        y = y.reshape(b, t // 2, h // 2, w // 2, 2, 2, 2, 8).permute(0, 1, 4, 2, 5, 3, 6, 7)
        y = y.reshape(b, t, h, w, 8)
        y = [y[:, :, i::2, j::2] for i in range(2) for j in range(2)]
        return self.head(self.after(torch.cat(y, -1)).mean((1, 2, 3)))


def test_one_delegate_does_nearly_all_work_of_attention_in_windows(tmp_path: Path) -> None:
    clip = torch.randn(1, 8, 2, 4, 4)
    report = export_model(Windows(), clip, tmp_path / "model.pte", tolerance=1e-5)
    assert report.operators.pop("aten.mean.dim") == 1
    assert report.operators == {"executorch_call_delegate": 2}


class Turned(nn.Module):
    """Has an operator of eight axes that none of fewer axes can replace."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv3d(2, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x).view(-1, 2, 2, 2, 2, 2, 2, 2)
        return x.permute(0, 7, 6, 5, 4, 3, 2, 1).reshape(-1, 8, 16) * 2


def test_tensors_of_too_many_axes_stay_outside(tmp_path: Path) -> None:
    clips, path = torch.randn(3, 2, 4, 4, 4), tmp_path / "model.pte"
    report = export_model(Turned(), clips[:1], path)
    assert report.operators["aten.permute_copy.default"] == 1
    assert "aten.convolution.default" not in report.operators
    assert export_model(Turned(), clips[:1], path, int8=clips).difference < 0.05


class Block(nn.Module):
    """What X3D is made of: taps along time, a gate, SiLU, a sum, a strided shortcut."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.Sequential(nn.Conv3d(3, 16, 1), nn.BatchNorm3d(16), nn.ReLU())
        self.deep = nn.Conv3d(16, 16, 3, (1, 2, 2), 1, groups=16)
        self.time = nn.Conv3d(16, 16, (3, 1, 1), padding=(1, 0, 0), groups=16)
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool3d(1), nn.Conv3d(16, 4, 1), nn.ReLU(), nn.Conv3d(4, 16, 1)
        )
        self.narrow = nn.Sequential(nn.SiLU(), nn.Conv3d(16, 8, 1))
        self.shortcut = nn.Conv3d(3, 8, 1, (1, 2, 2))
        self.head = nn.Sequential(nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(8, 5))

    def forward(self, x: Tensor) -> Tensor:
        y = self.time(self.deep(self.wide(x)))
        y = self.narrow(y * torch.sigmoid(self.gate(y)))
        return self.head(torch.relu(y + self.shortcut(x)))


class Kept(Int8):
    """Keeps the graph that it rounds."""

    def insert(self, graph: fx.GraphModule, target: str) -> None:
        super().insert(graph, target)
        self.graph = copy.deepcopy(graph)


def test_the_runtime_computes_in_int8_what_the_graph_says(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Block().eval()
    clips = [(torch.randn(1, 3, 6, 16, 16),) for _ in range(4)]
    int8 = Kept(clips, keep=("narrow.1",))
    path = tmp_path / "model.pte"
    operators = write_executorch(model, clips[0], path, {}, int8=int8)
    assert operators == {"executorch_call_delegate": 1}
    assert int8.report is not None and int8.report.kept == ("narrow.1",)
    run, _ = load_executorch(path)
    with torch.no_grad():
        for clip in clips:
            expected, simulated = model(*clip), int8.graph(*clip)
            scale = expected.abs().max()
            assert 1e-4 < (simulated - expected).abs().max() / scale < 0.05
            # Both round; where a sum lies between two steps, they may choose another one.
            assert (run(list(clip))[0] - simulated).abs().max() / scale < 0.01


class Fork(nn.Module):
    """Two layers that read the same."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv3d(3, 4, 1), nn.Conv3d(3, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(x)
        return self.first(x) + self.second(x).softmax(1)


def test_a_layer_in_float_may_read_what_one_in_int8_reads(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, path = Fork().eval(), tmp_path / "model.pte"
    clips = [(torch.randn(1, 3, 2, 8, 8),) for _ in range(4)]
    int8 = Kept(clips, keep=("second",))
    write_executorch(model, clips[0], path, {}, int8=int8)
    run, _ = load_executorch(path)
    with torch.no_grad():
        simulated = int8.graph(*clips[0])
        torch.testing.assert_close(run(list(clips[0]))[0], simulated, rtol=0, atol=0.02)
        assert (simulated - model(*clips[0])).abs().max() > 1e-4


def test_int8_makes_the_file_small(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv3d(3, 64, 1), nn.ReLU(), nn.Conv3d(64, 512, (3, 1, 1)))
    clips = torch.randn(4, 3, 4, 4, 4)
    exact = export_model(model, clips[:1], tmp_path / "model.pte")
    small = export_model(model, clips[:1], tmp_path / "int8.pte", int8=clips)
    assert small.bytes < 0.3 * exact.bytes
    assert small.int8 is not None and small.int8.layers == 2
    assert small.difference < 0.05
    # It is as far from the model as the graph in int8 is.
    assert abs(small.difference - small.int8.difference) < 0.01
