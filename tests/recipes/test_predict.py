from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pytorchvideo_clone.data.video import VideoReadError
from pytorchvideo_clone.hub import create_model, model_entry
from pytorchvideo_clone.recipes.predict import find_videos, predict_video, predict_videos

SPEC = model_entry("x3d_tiny").input_spec


@pytest.fixture
def video(motion_folder: Path) -> Path:
    return motion_folder / "test" / "zoom_in" / "0000.mp4"


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    return create_model("x3d_tiny", num_classes=3)


def test_scores_are_probabilities_averaged_over_views(video: Path, model: nn.Module) -> None:
    single = [predict_video(model, SPEC, video, clips=1, crops=crops) for crops in (1, 3)]
    for scores in single:
        assert scores.shape == (3,)
        assert float(scores.sum()) == pytest.approx(1.0, abs=1e-5)
    assert not torch.equal(*single)


def test_any_function_from_clips_to_scores_predicts(video: Path) -> None:
    seen: list[tuple[int, ...]] = []

    def scorer(clips: Tensor) -> Tensor:
        seen.append(tuple(clips.shape))
        return torch.tensor([[0.0, 100.0]]).expand(len(clips), 2)

    assert predict_video(scorer, SPEC, video, clips=2, crops=3).tolist() == pytest.approx([0, 1])
    assert seen == [(3, 3, 8, 64, 64)] * 2


def test_folders_are_searched_and_files_taken_as_named(motion_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no video")
    (tmp_path / "deep" / "er").mkdir(parents=True)
    clip = motion_folder / "test" / "pan_up" / "0000.mp4"
    for name in ("deep/er/B.MP4", "a.mkv"):
        (tmp_path / name).symlink_to(clip)
    assert find_videos([tmp_path, "x.mp4"]) == [
        str(tmp_path / "a.mkv"),
        str(tmp_path / "deep/er/B.MP4"),
        "x.mp4",
    ]
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no video in"):
        find_videos([tmp_path / "empty"])


def test_bad_files_do_not_stop_the_rest(video: Path, model: nn.Module, tmp_path: Path) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("not a video")
    sources = [str(tmp_path / "missing.mp4"), str(text), str(video)]
    missing, broken, good = predict_videos(model, SPEC, ["a", "b", "c"], sources, top_k=2)
    assert "missing.mp4" in missing["error"]
    assert "text.mp4" in broken["error"]
    assert [guess["score"] for guess in good["predictions"]] == sorted(
        (guess["score"] for guess in good["predictions"]), reverse=True
    )
    assert len(good["predictions"]) == 2


def test_one_video_raises_its_own_error(model: nn.Module, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"missing\.mp4"):
        predict_video(model, SPEC, tmp_path / "missing.mp4")
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(VideoReadError, match=r"empty\.mp4"):
        predict_video(model, SPEC, tmp_path / "empty.mp4")


def test_at_least_one_class_is_named(video: Path, model: nn.Module) -> None:
    with pytest.raises(ValueError, match="top_k is 0"):
        list(predict_videos(model, SPEC, ["a", "b", "c"], [str(video)], top_k=0))


def test_scores_that_are_no_numbers_are_an_error_of_the_video(video: Path) -> None:
    def broken(clips: Tensor) -> Tensor:
        return torch.full((len(clips), 3), torch.nan)

    (result,) = predict_videos(broken, SPEC, None, [str(video)])
    assert "scores that are not finite: its weights are damaged" in result["error"]


@pytest.mark.parametrize("names", [["a", "b"], ["a", "b", "c", "d"]])
def test_names_of_other_classes_are_refused(
    names: list[str], video: Path, model: nn.Module
) -> None:
    with pytest.raises(ValueError, match=f"there are {len(names)} class_names for 3 scores"):
        list(predict_videos(model, SPEC, names, [str(video)]))
