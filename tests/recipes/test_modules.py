from pathlib import Path

import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor, nn

from pytorchvideo_clone.hub import create_model, model_entry
from pytorchvideo_clone.recipes.data_module import VideoDataModule
from pytorchvideo_clone.recipes.modules import ClassificationModule
from pytorchvideo_clone.recipes.trainer import make_trainer

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
