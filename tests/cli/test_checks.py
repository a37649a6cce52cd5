from pathlib import Path

import pytest

from pytorchvideo_clone.cli.checks import check_given, model_names
from pytorchvideo_clone.hub import list_models


def test_the_names_read_from_the_source_are_those_of_the_hub() -> None:
    assert sorted(model_names()) == sorted(list_models())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"data_path": "no/videos"}, r"^no/videos is not there; data_path must be a folder or a"),
        ({"source": "v.csv"}, r"^v\.csv is not there"),
        ({"store": "a\0b"}, "is not there"),
        ({"store": "x" * 300}, "is not there"),
        ({"model": "runs/mine/model.pth"}, r"^runs/mine/model\.pth is not there; give the path"),
        ({"model": "x3d_s", "checkpoint": "x3d"}, "^x3d is not there; give the path"),
    ],
)
def test_what_is_not_on_this_machine_is_refused(
    given: dict, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=message):
        check_given(given)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("x3d_tinny", "did you mean x3d_tiny"),
        ("X3D-XS", "did you mean x3d_"),
        ("slowfast50", "did you mean slowfast_r50"),
        ("nonsense", r"no model 'nonsense'\. `pytorchvideo-clone models` lists"),
    ],
)
def test_a_name_of_no_model_is_answered_with_the_nearest(name: str, near: str) -> None:
    with pytest.raises(ValueError, match=near):
        check_given({"model": name})


def test_what_is_there_elsewhere_or_left_out_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "model").touch()
    check_given({"data_path": "~", "model": str(tmp_path / "model"), "checkpoint": None})
    check_given({"data_path": "memory://v", "model": "https://a.b/m.pth", "source": str(tmp_path)})
    check_given({"output": "new.csv", "epochs": 3, "sources": ["none.mp4"], "model": "x3d_s"})
