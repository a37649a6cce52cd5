import json
from pathlib import Path

import pytest
import torch

from pytorchvideo_clone.data.motion import MOTIONS
from pytorchvideo_clone.hub import create_model, model_entry
from pytorchvideo_clone.recipes.evaluate import Evaluation, evaluate_classifier
from pytorchvideo_clone.recipes.predict import predict_video

SPEC = model_entry("x3d_tiny").input_spec
NAMES = sorted(MOTIONS)


def test_numbers_follow_from_the_scores() -> None:
    scores = torch.tensor([[0.9, 0.1, 0.0], [0.1, 0.5, 0.4], [0.6, 0.1, 0.3]]).double()
    labels = torch.tensor([0, 2, 2])
    evaluation = Evaluation(["a", "b", "c"], ["x", "y", "z"], labels, scores, clips=2, crops=3)
    assert evaluation.top(1) == pytest.approx(1 / 3)
    assert evaluation.top(2) == 1.0
    assert evaluation.confusion.tolist() == [[1, 0, 0], [0, 0, 0], [1, 1, 0]]
    numbers = json.loads(json.dumps(evaluation.to_dict()))
    assert numbers["top1_of_class"] == {"a": 1.0, "b": None, "c": 0.0}
    assert numbers["views"] == "2 clips x 3 crops"


def test_evaluation_of_a_folder_is_the_prediction_of_each_file(motion_folder: Path) -> None:
    torch.manual_seed(0)
    model = create_model("x3d_tiny", num_classes=8)
    evaluation = evaluate_classifier(
        model,
        SPEC,
        NAMES,
        motion_folder,
        clips=2,
        crops=3,
        num_workers=0,
        accelerator="cpu",
        enable_progress_bar=False,
    )
    assert len(evaluation.videos) == 8
    for path, label, scores in zip(
        evaluation.videos, evaluation.labels.tolist(), evaluation.scores, strict=True
    ):
        assert NAMES[label] == Path(path).parent.name
        alone = predict_video(model, SPEC, path, clips=2, crops=3)
        torch.testing.assert_close(scores.float(), alone, rtol=1e-4, atol=1e-6)


def test_a_model_of_nan_has_no_accuracy(motion_folder: Path) -> None:
    model = create_model("x3d_tiny", num_classes=8)
    with torch.no_grad():
        model.blocks[-1].proj.bias[3] = torch.nan
    options = {"clips": 1, "crops": 1, "num_workers": 0, "accelerator": "cpu"}
    with pytest.raises(ValueError, match=r"8 of 8 videos have no result: .* not finite"):
        evaluate_classifier(model, SPEC, NAMES, motion_folder, enable_progress_bar=False, **options)
