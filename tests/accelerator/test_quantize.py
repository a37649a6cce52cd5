import copy
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, fx, nn

from pytorchvideo_clone.accelerator.export import export_model, load_exported
from pytorchvideo_clone.accelerator.passes.batch_norm import fold_batch_norm
from pytorchvideo_clone.accelerator.passes.graph import capture, finish
from pytorchvideo_clone.accelerator.quantize import (
    Int8Error,
    compare_accuracy,
    quantize,
    read_calibration,
)

CLIPS = list(torch.rand(3, 2, 3, 4, 12, 12, generator=torch.Generator().manual_seed(1)))
EXAMPLE = torch.randn(1, 3, 4, 12, 12)
# Clips, pathways and batches of a loader that hold the same.
FORMS = {
    "clips": CLIPS,
    "batches": [{"video": clip, "label": torch.zeros(2)} for clip in CLIPS],
    "arguments": [(clip,) for clip in CLIPS],
    "one tensor": torch.cat(CLIPS),
}


class Net(nn.Module):
    """A layer that int8 hurts, as one channel is far larger, between two that it does not."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Conv3d(3, 8, (1, 3, 3), padding=(0, 1, 1))
        self.norm = nn.BatchNorm3d(8)
        self.wide = nn.Conv3d(8, 8, (3, 1, 1), padding=(1, 0, 0))
        self.head = nn.Linear(8, 6)
        nn.init.uniform_(self.norm.running_var, 0.8, 1.2)
        with torch.no_grad():
            self.stem.weight[0] *= 1000
            self.wide.weight[:, 0] /= 1000

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.wide(torch.relu(self.norm(self.stem(x)))).mean((2, 3, 4)))


def graph_of(model: nn.Module) -> fx.GraphModule:
    graph = capture(model.eval(), (CLIPS[0],))
    fold_batch_norm(graph)
    return finish(graph)


@pytest.mark.parametrize("form", FORMS)
def test_clips_are_read_from_whatever_gives_them(form: str) -> None:
    clips = read_calibration(FORMS[form], (EXAMPLE,), count=5)
    torch.testing.assert_close(torch.cat([clip for (clip,) in clips]), torch.cat(CLIPS)[:5])


def test_pathways_are_read_as_lists() -> None:
    slow, fast = torch.rand(2, 3, 2, 8, 8), torch.rand(2, 3, 8, 8, 8)
    for given in ([slow, fast], {"video": [slow, fast]}):
        clips = read_calibration([given], ([slow, fast],))
        assert [[tuple(x.shape) for x in pathways] for (pathways,) in clips] == [
            [(1, 3, 2, 8, 8), (1, 3, 8, 8, 8)]
        ] * 2


def test_clips_of_boxes_stay_together() -> None:
    given = (torch.rand(2, 3, 4, 8, 8), torch.rand(5, 5))
    assert read_calibration([given], given) == [given]


def test_no_more_is_read_than_needed() -> None:
    def endless() -> Iterator[Tensor]:
        yield from CLIPS[:2]
        raise AssertionError("read too far")

    assert len(read_calibration(endless(), (EXAMPLE,), count=4)) == 4


@pytest.mark.parametrize(
    ("calibration", "message"),
    [
        ([], r"calibration is empty; give at least one clip of \(B, 3, 4, 12, 12\) float32"),
        ([torch.rand(2, 3, 4, 9, 9)], r"holds \(B, 3, 4, 9, 9\) float32, the example is \(B, 3, 4"),
        ([EXAMPLE[0]], r"holds \(B, 4, 12, 12\) float32"),
        ([EXAMPLE.to(torch.uint8)], r"holds \(B, 3, 4, 12, 12\) uint8"),
        ([(EXAMPLE, torch.zeros(1))], r"float32 and \(B\) float32"),
        ([{"clip": EXAMPLE, "label": 1}], r'calibration holds clip, label, but no "video"'),
        ([torch.nan * EXAMPLE], "numbers that are not finite"),
    ],
)
def test_clips_that_do_not_fit_are_refused(calibration: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_calibration(calibration, (EXAMPLE,))


def test_the_report_tells_layers_and_what_each_costs() -> None:
    model = Net()
    graph = graph_of(model)
    clips = read_calibration(CLIPS, (EXAMPLE,))
    report = quantize(graph, clips, tolerance=10.0)
    assert (report.layers, report.kept, report.clips) == (3, (), 6)
    assert list(report.sensitivity.values()) == sorted(report.sensitivity.values(), reverse=True)
    assert next(iter(report.sensitivity)) == "wide"
    with torch.no_grad():
        apart = [(graph(*x) - model(*x)).abs().max() / model(*x).abs().max() for x in clips]
    assert report.difference == pytest.approx(float(max(apart)), rel=1e-3)


def test_sensitive_layers_are_kept_until_the_tolerance_holds() -> None:
    clips = read_calibration(CLIPS, (EXAMPLE,))
    all_int8 = quantize(graph_of(Net()), clips, tolerance=10.0)
    report = quantize(graph_of(Net()), clips, tolerance=all_int8.difference / 2)
    assert report.kept == ("wide",)
    assert report.difference <= all_int8.difference / 2


def test_a_part_of_the_tolerance_is_left_to_the_runtime() -> None:
    clips = read_calibration(CLIPS, (EXAMPLE,))
    cost = quantize(graph_of(Net()), clips, tolerance=10.0).difference
    assert quantize(graph_of(Net()), clips, tolerance=cost / 0.79).kept == ()
    assert quantize(graph_of(Net()), clips, tolerance=cost / 0.81).kept == ("wide",)


def test_layers_that_are_named_are_kept() -> None:
    clips = read_calibration(CLIPS, (EXAMPLE,))
    report = quantize(graph_of(Net()), clips, keep=["head", "wide"], tolerance=10.0)
    assert (report.layers, report.kept) == (1, ("wide", "head"))
    assert list(report.sensitivity) == ["stem"]
    with pytest.raises(ValueError, match=r"keep names \['neck'\].*\['stem', 'wide', 'head'\]"):
        quantize(graph_of(Net()), clips, keep=["neck"])


def test_a_tolerance_out_of_reach_is_an_error_with_numbers() -> None:
    clips = read_calibration(CLIPS, (EXAMPLE,))
    with pytest.raises(Int8Error, match=r"differs from float by \d.*all layers but .* by \d"):
        quantize(graph_of(Net()), clips, tolerance=1e-9)


def test_accuracy_counts_what_each_model_gets_right() -> None:
    scores = torch.eye(6)[[0, 1, 2, 3]]
    worse = scores.clone()
    worse[0] = torch.tensor([0.0, 5.0, 4.0, 3.0, 2.0, 1.0])  # label 0 is last of six
    worse[1] = torch.tensor([5.0, 4.0, 3.0, 2.0, 1.0, 0.0])
    given = {2: (scores, worse)}

    def model(which: int):
        return lambda video: given[2][which][video.flatten().long()]

    label = torch.tensor([0, 1, 2, 3])
    batches = [{"video": torch.tensor([i, i + 1]), "label": label[i : i + 2]} for i in (0, 2)]
    report = compare_accuracy(model(0), model(1), batches)
    assert (report.clips, report.top1, report.int8_top1) == (4, 100.0, 50.0)
    assert (report.top5, report.int8_top5, report.same) == (100.0, 75.0, 50.0)
    with pytest.raises(ValueError, match="loader is empty"):
        compare_accuracy(model(0), model(1), [])


def test_accuracy_leaves_the_model_in_its_mode() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(48, 3))
    loader = [(torch.rand(2, 3, 1, 4, 4), torch.tensor([0, 1]))]
    assert compare_accuracy(model, model, loader).same == 100.0
    assert model.training


@pytest.mark.parametrize("file", ["model.onnx", "model.xml"])
def test_files_compute_what_the_rounded_graph_does(file: str, tmp_path: Path) -> None:
    model = Net().train()
    before = copy.deepcopy(model.state_dict())
    report = export_model(
        model, EXAMPLE, tmp_path / file, int8=FORMS["batches"], metadata={"class_names": '["a"]'}
    )
    assert report.int8 is not None and report.int8.layers + len(report.int8.kept) == 3
    assert report.tolerance == 0.1
    # As its kernels add in another order, a runtime may round to another step than the graph.
    assert report.difference == pytest.approx(report.int8.difference, abs=0.02)
    pairs = {"model.onnx": "DequantizeLinear", "model.xml": "FakeQuantize"}
    assert report.operators[pairs[file]] >= report.int8.layers
    exported = load_exported(tmp_path / file)
    assert exported.metadata["class_names"] == '["a"]'
    both = torch.cat([exported(clip) for clip in CLIPS])
    torch.testing.assert_close(exported(torch.cat(CLIPS)), both)
    assert '"kept"' in report.to_json()
    assert model.training
    torch.testing.assert_close(model.state_dict(), before)
