import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from model_zoo.evaluate import evaluate
from pytorchvideo_clone.data.motion import MOTIONS
from pytorchvideo_clone.hub import CheckpointError, create_model, model_entry, save_bundle
from pytorchvideo_clone.recipes import evaluate_classifier

NAMES = sorted(MOTIONS)
QUICK = {"clips": 1, "crops": 1, "num_workers": 0, "accelerator": "cpu", "progress": False}


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    torch.manual_seed(0)
    return create_model("x3d_tiny", num_classes=len(NAMES))


@pytest.fixture
def names_file(tmp_path: Path) -> str:
    file = tmp_path / "names.json"
    # As published: a mapping, with quotation marks within some of the names.
    file.write_text(json.dumps({f'"{name}"': i for i, name in enumerate(NAMES)}))
    return str(file)


def test_a_row_is_reproduced_from_a_file_url(
    model: torch.nn.Module, names_file: str, motion_folder: Path, tmp_path: Path
) -> None:
    torch.save({"model_state": model.state_dict()}, tmp_path / "weights.pth")
    numbers = evaluate(
        "x3d_tiny",
        str(motion_folder),
        checkpoint=(tmp_path / "weights.pth").as_uri(),
        class_names=names_file,
        output=str(tmp_path / "results" / "numbers.json"),
        **QUICK,
    )
    direct = evaluate_classifier(
        model,
        model_entry("x3d_tiny").input_spec,
        NAMES,
        motion_folder,
        clips=1,
        crops=1,
        num_workers=0,
        accelerator="cpu",
        enable_progress_bar=False,
    )
    assert numbers == {"model": "x3d_tiny", **direct.to_dict(), "published": {}}
    assert json.loads((tmp_path / "results" / "numbers.json").read_text()) == numbers


def test_a_bundle_brings_its_class_names(
    model: torch.nn.Module, motion_folder: Path, tmp_path: Path
) -> None:
    spec = model_entry("x3d_tiny").input_spec
    save_bundle(tmp_path / "bundle.pth", model, "x3d_tiny", spec, NAMES)
    numbers = evaluate(
        "x3d_tiny", str(motion_folder), checkpoint=str(tmp_path / "bundle.pth"), **QUICK
    )
    assert list(numbers["top1_of_class"]) == NAMES


def test_what_cannot_be_evaluated_is_refused(
    model: torch.nn.Module, motion_folder: Path, tmp_path: Path
) -> None:
    weights = tmp_path / "weights.pth"
    torch.save(model.state_dict(), weights)
    with pytest.raises(ValueError, match="x3d_tiny has no published weights; pass checkpoint"):
        evaluate("x3d_tiny", str(motion_folder))
    with pytest.raises(ValueError, match="which classes x3d_tiny has; pass class_names"):
        evaluate("x3d_tiny", str(motion_folder), checkpoint=str(weights))
    with pytest.raises(ValueError, match="slow_r50_detection is for detection"):
        evaluate("slow_r50_detection", str(motion_folder))
    short = tmp_path / "short.json"
    short.write_text(json.dumps(NAMES[:3]))
    with pytest.raises(CheckpointError, match="does not fit the model"):
        evaluate("x3d_tiny", str(motion_folder), checkpoint=str(weights), class_names=str(short))
    short.write_text(json.dumps({"b": 0, "a": 2}))
    with pytest.raises(ValueError, match="are not 0 to 1"):
        evaluate("x3d_tiny", str(motion_folder), checkpoint=str(weights), class_names=str(short))


def test_the_script_says_how_it_is_used() -> None:
    command = [sys.executable, "model_zoo/evaluate.py", "--help"]
    root = Path(__file__).parents[2]
    shown = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    assert "--checkpoint" in shown.stdout
