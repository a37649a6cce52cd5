import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor, nn

from pytorchvideo_clone.hub import create_model, model_entry
from pytorchvideo_clone.recipes.data_module import VideoDataModule
from pytorchvideo_clone.recipes.modules import ClassificationModule
from pytorchvideo_clone.recipes.train import make_trainer

SPEC = model_entry("x3d_tiny").input_spec
QUIET = {
    "accelerator": "cpu",
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "num_sanity_val_steps": 0,
}


class PixelMean(nn.Module):
    """Scores that follow the mean of each channel, so that expectations are plain sums."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(dim=(2, 3, 4)) * self.scale


def test_pixels_are_normalised_before_the_model() -> None:
    module = ClassificationModule(PixelMean(), SPEC, ["a", "b", "c"])
    pixels = torch.full((1, 3, 8, 4, 4), 255, dtype=torch.uint8)
    expected = (1 - torch.tensor(SPEC.mean)) / torch.tensor(SPEC.std)
    torch.testing.assert_close(module(pixels), expected[None])


def test_crops_of_a_clip_count_as_one_view() -> None:
    module = ClassificationModule(PixelMean(), SPEC, ["a", "b", "c"])
    video = torch.randint(256, (2, 3, 3, 8, 4, 4), dtype=torch.uint8)
    batch = {"video": video, "label": torch.tensor([2, 2])}
    batch |= {"video_index": torch.tensor([5, 5]), "clip_index": torch.tensor([0, 1])}
    module.test_step(batch, 0)
    scores, labels, index = module.accuracy.video_scores()
    views = torch.stack([module(clip).softmax(dim=1) for clip in video])
    torch.testing.assert_close(scores[0].float(), views.mean(dim=(0, 1)))
    assert (labels.tolist(), index.tolist()) == ([2], [5])


def test_no_more_crops_pass_the_model_at_a_time_than_asked_for() -> None:
    batch = {
        "video": torch.rand(2, 3, 3, 2, 8, 8).mul(255).byte(),
        "label": torch.tensor([0, 1]),
        "video_index": torch.tensor([0, 1]),
        "clip_index": torch.tensor([0, 0]),
    }
    sizes: list[int] = []
    scores = []
    for at_once in (None, 4):
        module = ClassificationModule(PixelMean(), SPEC, ["a", "b", "c"], crops_at_once=at_once)
        module.model.register_forward_pre_hook(lambda _, clips: sizes.append(len(clips[0])))
        module.test_step(batch, 0)
        scores.append(module.accuracy.video_scores()[0])
    assert sizes == [6, 4, 2]
    torch.testing.assert_close(scores[0], scores[1])


def test_a_resumed_run_ends_with_the_same_weights(motion_folder: Path, tmp_path: Path) -> None:
    def fit(resume: Path | None = None) -> dict[str, Tensor]:
        torch.manual_seed(0)
        model = create_model("x3d_tiny", num_classes=8, dropout_rate=0.0)
        data = VideoDataModule(motion_folder, SPEC, num_workers=0)
        module = ClassificationModule(model, SPEC, data.class_names)
        saving = ModelCheckpoint(tmp_path, filename="{epoch}", save_top_k=-1)
        trainer = make_trainer(max_epochs=2, callbacks=[saving], **QUIET)
        trainer.fit(module, datamodule=data, ckpt_path=resume)
        return model.state_dict()

    whole = fit()
    resumed = fit(tmp_path / "epoch=0.ckpt")
    for key, value in whole.items():
        assert torch.equal(value, resumed[key]), key


SCRIPT = """
import sys, torch
from pytorchvideo_clone.hub import create_model, model_entry
from pytorchvideo_clone.recipes.evaluate import evaluate_classifier

torch.set_num_threads(1)
torch.manual_seed(0)
model = create_model("x3d_tiny", num_classes=8)
evaluation = evaluate_classifier(
    model, model_entry("x3d_tiny").input_spec, sorted(sys.argv[3:]), sys.argv[1], clips=3,
    num_workers=0, batch_size=5, accelerator="cpu", devices=int(sys.argv[2]),
    enable_progress_bar=False,
)
numbers = (evaluation.labels.tolist(), evaluation.scores.double().sum(0).tolist(),
           evaluation.top(1), len(evaluation.videos))
sys.stdout.write(f"RESULT {numbers}\\n")  # one write: two ranks share the pipe
"""


@pytest.mark.slow
def test_two_ranks_evaluate_to_the_numbers_of_one(
    motion_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    script = tmp_path / "evaluate.py"
    script.write_text(SCRIPT)
    classes = [folder.name for folder in (motion_folder / "test").iterdir()]
    monkeypatch.setattr(sys, "argv", ["evaluate.py", str(motion_folder), "1", *classes])
    runpy.run_path(str(script))
    alone = [line for line in capsys.readouterr().out.splitlines() if line.startswith("RESULT")]
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    shown = subprocess.run(
        [sys.executable, *launcher, script, motion_folder, "2", *classes],
        capture_output=True,
        text=True,
        check=False,
    )
    ranks = [line for line in shown.stdout.splitlines() if line.startswith("RESULT")]
    # Each rank has every other video, with all of its views.
    assert len(alone) == 1
    assert ranks == 2 * alone, shown.stderr[-2000:]
