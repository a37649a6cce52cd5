import json
import shutil
from pathlib import Path

import pytest
import torch

from pytorchvideo_clone.data.decoders.decord import DecordDecoder
from pytorchvideo_clone.data.motion import MOTIONS
from pytorchvideo_clone.hub import create_model, model_entry
from pytorchvideo_clone.recipes.evaluate import evaluate_classifier
from pytorchvideo_clone.recipes.train import train_classifier
from tests.data.coded_video import write_video

SPEC = model_entry("x3d_tiny").input_spec
NAMES = sorted(MOTIONS)
QUIET = {"num_workers": 0, "accelerator": "cpu", "enable_progress_bar": False}


@pytest.fixture
def damaged_folder(motion_folder: Path, tmp_path: Path) -> Path:
    """Two classes; one video of each split is no video, and one of `test` is torn."""
    for split in ("train", "test"):
        for name in ("pan_left", "zoom_in"):
            shutil.copytree(motion_folder / split / name, tmp_path / split / name)
        (tmp_path / split / "zoom_in" / "text.mp4").write_text("this is no video")
    shutil.copytree(tmp_path / "test", tmp_path / "val")
    whole = (motion_folder / "train" / "pan_left" / "0000.mp4").read_bytes()
    (tmp_path / "test" / "pan_left" / "torn.mp4").write_bytes(whole[: len(whole) * 3 // 4])
    return tmp_path


def test_an_unreadable_video_does_not_end_a_run(
    damaged_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    result = train_classifier(
        damaged_folder, output=tmp_path / "run", epochs=2, batch_size=4, warmup_epochs=0.5, **QUIET
    )
    bad = [str(damaged_folder / split / "zoom_in" / "text.mp4") for split in ("train", "val")]
    assert list(result["faults"]) == bad
    assert all("no video file" in cause for cause in result["faults"].values())
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["faults"] == result["faults"]
    assert len(result["epochs"]) == 2
    assert all(epoch["val_loss"] > 0 for epoch in result["epochs"])
    for epoch in range(2):  # training and validation, each once an epoch
        assert caplog.text.count(f"Epoch {epoch}: 1 video could not be read") == 2


def test_evaluation_names_what_it_leaves_out(damaged_folder: Path) -> None:
    torch.manual_seed(0)
    model = create_model("x3d_tiny", num_classes=8)
    evaluation = evaluate_classifier(
        model, SPEC, NAMES, damaged_folder, clips=2, crops=1, batch_size=2, **QUIET
    )
    text = str(damaged_folder / "test" / "zoom_in" / "text.mp4")
    torn = str(damaged_folder / "test" / "pan_left" / "torn.mp4")
    assert text in evaluation.unreadable
    assert set(evaluation.faults) == {text, torn}
    whole = {str(path) for path in (damaged_folder / "test").glob("*/0000.mp4")}
    assert whole <= set(evaluation.videos) <= whole | {torn}
    numbers = evaluation.to_dict()
    assert numbers["unreadable"] == len(evaluation.unreadable)
    assert numbers["videos"] == len(evaluation.videos)


def test_evaluation_of_nothing_readable_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "pan_left").mkdir()
    (tmp_path / "pan_left" / "text.mp4").write_text("this is no video")
    model = create_model("x3d_tiny", num_classes=8)
    with pytest.raises(ValueError, match=r"none of the 1 videos can be read.*text\.mp4"):
        evaluate_classifier(model, SPEC, NAMES, tmp_path, clips=1, crops=1, **QUIET)


@pytest.mark.filterwarnings("ignore:decoder=.* does not read")
def test_evaluation_says_which_videos_pyav_reads_in_the_decoders_place(tmp_path: Path) -> None:
    try:
        DecordDecoder.about()  # not by `importorskip`: it lends its libraries to others then
    except ImportError as error:
        pytest.skip(str(error))
    for name in ("pan_left", "zoom_in"):
        (tmp_path / name).mkdir(parents=True)
        write_video(tmp_path / name / "a.avi", frames=30, codec="mpeg4")
    model = create_model("x3d_tiny", num_classes=2)
    result = evaluate_classifier(
        model, SPEC, ["pan_left", "zoom_in"], tmp_path, decoder="decord", **QUIET
    )
    assert result.faults == {}
    ((cause, path),) = result.to_dict()["refusals"].items()
    assert "AVI" in cause
    assert path.endswith("a.avi")
