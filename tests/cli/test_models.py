import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pytorchvideo_clone.cli import main
from pytorchvideo_clone.data.motion import MOTIONS
from pytorchvideo_clone.hub import create_model, list_models, load_model, model_entry, save_bundle
from pytorchvideo_clone.hub.registry import MODELS
from tests.models.shallow import make_x3d_shallow


@pytest.fixture(scope="module", autouse=True)
def short_networks() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        make_x3d_shallow(patch)
        yield


@pytest.fixture(scope="module")
def checkpoint(short_networks: None, tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("checkpoint") / "model.pth"
    model = create_model("x3d_tiny", num_classes=8)
    spec = model_entry("x3d_tiny").input_spec
    save_bundle(path, model, "x3d_tiny", spec, sorted(MOTIONS))
    return str(path)


def fails(capsys: pytest.CaptureFixture, *arguments: object) -> str:
    """What the command says on standard error; it must end with status 2."""
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    assert end.value.code == 2
    return capsys.readouterr().err


def test_models_lists_the_zoo_within_80_columns(capsys: pytest.CaptureFixture) -> None:
    main(["models"])
    shown = capsys.readouterr().out
    assert set(list_models()) <= set(shown.split())
    assert max(map(len, shown.splitlines())) <= 80
    for words in (["x3d_x"], ["--filter", "x3d_x"]):
        main(["models", *words])
        shown = capsys.readouterr().out
        assert "x3d_xs" in shown
        assert "slow_r50" not in shown
        assert "69.12" in shown
    assert "no model name contains" in fails(capsys, "models", "resnext")


def test_models_gives_all_that_it_knows_as_json(capsys: pytest.CaptureFixture) -> None:
    main(["models", "--json"])
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == list_models()
    slow = next(row for row in rows if row["name"] == "slow_r50")
    assert (slow["task"], slow["input_spec"]["num_frames"]) == ("classification", 8)
    assert slow["weights"]["accuracy"]["top1"] == 74.58


def test_predict_prints_json(capsys, checkpoint: str, motion_folder: Path) -> None:
    videos = [motion_folder / "test" / name / "0000.mp4" for name in ("pan_up", "zoom_in")]
    options = ["--checkpoint", checkpoint, "--top-k", "3", "--clips=1"]
    main(["predict", "x3d_tiny", *map(str, videos), *options])
    rows = json.loads(capsys.readouterr().out)
    assert [row["video"] for row in rows] == list(map(str, videos))
    assert [len(row["predictions"]) for row in rows] == [3, 3]
    assert {guess["class"] for row in rows for guess in row["predictions"]} <= set(MOTIONS)


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_predict_writes_a_folder_and_reports_bad_files(
    capsys, checkpoint: str, motion_folder: Path, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "good.mp4").symlink_to(motion_folder / "test" / "pan_up" / "0000.mp4")
    (tmp_path / "bad.mp4").write_text("no video")
    output = tmp_path / f"out.{kind}"
    with pytest.raises(SystemExit) as end:
        main(
            f"predict x3d_tiny {tmp_path} --checkpoint {checkpoint}"
            f" --top_k 2 --clips 1 --output {output}".split()
        )
    assert end.value.code == 1
    assert "bad.mp4" in capsys.readouterr().err
    if kind == "json":
        bad, good = json.loads(output.read_text())
        assert "bad.mp4" in bad["error"]
        assert len(good["predictions"]) == 2
    else:
        bad, *good = list(csv.DictReader(output.read_text().splitlines()))
        assert "bad.mp4" in bad["error"]
        assert [row["rank"] for row in good] == ["1", "2"]


def test_a_url_that_does_not_answer_does_not_stop_the_rest(
    capsys, motion_folder: Path, tmp_path: Path
) -> None:
    spec = model_entry("x3d_tiny").input_spec
    model, arguments = create_model("x3d_tiny", num_classes=8), {"num_classes": 8}
    path = tmp_path / "nameless.pth"  # classes are called by their numbers
    save_bundle(path, model, "x3d_tiny", spec, None, model_kwargs=arguments)
    output = tmp_path / "out.jsonl"
    clip = motion_folder / "test" / "pan_up" / "0000.mp4"
    silent = ["http://127.0.0.1:9/a.mp4", "nostore://bucket/b.mp4"]
    with pytest.raises(SystemExit) as end:
        main(["predict", str(path), *silent, str(clip), "--clips=1", f"--output={output}"])
    assert end.value.code == 1
    *failed, good = map(json.loads, output.read_text().splitlines())
    assert [result["video"] for result in failed] == silent
    assert all(result["video"] in result["error"] for result in failed)
    assert {guess["class"] for guess in good["predictions"]} <= set(map(str, range(8)))
    numbered = tmp_path / "test.csv"
    numbered.write_text(f"{clip} 6\n")
    numbers = tmp_path / "numbers.json"
    main(["evaluate", str(path), str(numbered), "--num-workers=0", f"--output={numbers}"])
    of_class = json.loads(numbers.read_text())["top1_of_class"]
    assert of_class["6"] in (0.0, 1.0)
    assert of_class["5"] is None
    assert "not among the classes '0'" in fails(capsys, "evaluate", path, motion_folder)
    main(["export", str(path), str(tmp_path / "nameless.pt2")])
    assert load_model(tmp_path / "nameless.pt2").class_names is None


def test_predict_takes_published_weights_and_their_class_names(
    capsys, motion_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = model_entry("x3d_xs")
    torch.save({"model_state": create_model("x3d_xs").state_dict()}, tmp_path / "X3D_XS.pyth")
    (tmp_path / "names.json").write_text(json.dumps({f"action {i}": i for i in range(400)}))
    weights = replace(
        entry.weights,
        url=(tmp_path / "X3D_XS.pyth").as_uri(),
        class_names=(tmp_path / "names.json").as_uri(),
    )
    monkeypatch.setitem(MODELS, "x3d_xs", replace(entry, weights=weights))
    clip = motion_folder / "test" / "pan_up" / "0000.mp4"
    main(f"predict x3d_xs {clip} --clips 1 --crops 1 --top-k 400".split())
    (row,) = json.loads(capsys.readouterr().out)
    assert {guess["class"] for guess in row["predictions"]} == {f"action {i}" for i in range(400)}
    assert "for detection" in fails(capsys, "predict", "slow_r50_detection", clip)
    # The same from a downloaded file, and exported and benchmarked without a bundle.
    weights = str(tmp_path / "X3D_XS.pyth")
    main(
        ["predict", "x3d_xs", str(clip), "--checkpoint", weights, *["--clips", "1", "--crops", "1"]]
    )
    (again,) = json.loads(capsys.readouterr().out)
    assert again["predictions"] == row["predictions"][:5]
    main(["export", "x3d_xs", str(tmp_path / "x3d_xs.pt2")])
    assert json.loads(capsys.readouterr().out)["target"] == "torch_export"
    assert load_model(tmp_path / "x3d_xs.pt2").class_names == tuple(
        f"action {i}" for i in range(400)
    )


def test_train_evaluate_and_export_follow_each_other(
    capsys, motion_folder: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    main(
        f"train {motion_folder} --output {run} --epochs 1 --warmup-epochs 0.5 --batch-size 8"
        " --num-workers 0 --accelerator cpu --enable-progress-bar false".split()
    )
    model = str(run / "model.pth")
    assert model in capsys.readouterr().out
    numbers = tmp_path / "numbers.json"
    main(["evaluate", model, str(motion_folder), "--num-workers", "0", "--output", str(numbers)])
    assert "top-1" in capsys.readouterr().out
    assert json.loads(numbers.read_text())["videos"] == 8
    exported = str(tmp_path / "model.onnx")
    main(["export", model, exported])
    assert json.loads(capsys.readouterr().out)["target"] == "onnx"
    again = tmp_path / "again.json"
    main(["evaluate", exported, str(motion_folder), "--num-workers", "0", "--output", str(again)])
    assert json.loads(again.read_text()) == json.loads(numbers.read_text())
    capsys.readouterr()
    clip = str(motion_folder / "test" / "pan_up" / "0000.mp4")
    for source in (exported, str(run / "last.ckpt")):
        main(["predict", source, clip, "--top-k", "1"])
    first, second = capsys.readouterr().out.strip().split("]\n[")
    assert first.partition("score")[0].lstrip("[") == second.partition("score")[0]


def test_what_a_user_can_cause_ends_in_one_sentence(
    capsys, checkpoint: str, motion_folder: Path, tmp_path: Path
) -> None:
    clip = motion_folder / "test" / "pan_up" / "0000.mp4"
    assert "did you mean" in fails(capsys, "predict", "slow_r5", clip)
    assert "no published weights" in fails(capsys, "predict", "x3d_tiny", clip)
    lost = tmp_path / "lost.pth"
    assert "lost.pth" in fails(capsys, "predict", "x3d_tiny", clip, "--checkpoint", lost)
    other = fails(capsys, "predict", "x3d_xs", clip, "--checkpoint", checkpoint)
    assert "holds x3d_tiny, not x3d_xs" in other
    wrong = fails(
        capsys, "predict", "x3d_tiny", clip, "--checkpoint", checkpoint, "--output", "a.txt"
    )
    assert "must end in .json or .jsonl or .csv" in wrong
    assert "choose one of onnx" in fails(capsys, "export", checkpoint, lost, "--target", "tflite")
    videos = ["--calibration", motion_folder / "test"]
    assert "has no int8" in fails(capsys, "export", checkpoint, tmp_path / "a.pt2", *videos)
    assert "nowhere" in fails(capsys, "train", tmp_path / "nowhere")
    (tmp_path / "text.pth").write_text("no checkpoint")
    assert "text.pth" in fails(capsys, "evaluate", tmp_path / "text.pth", motion_folder)
    for shown in (capsys.readouterr().err,):
        assert "Traceback" not in shown


def test_a_damaged_training_video_is_named_without_the_traceback_of_its_loader(
    capsys, motion_folder: Path, tmp_path: Path
) -> None:
    for name in ("pan_up", "zoom_in"):
        (tmp_path / name).mkdir()
        for index in range(2):
            (tmp_path / name / f"{index}.mp4").write_text("no video")
    shown = fails(
        capsys,
        "train",
        tmp_path,
        "--output",
        tmp_path / "run",
        "--epochs",
        "1",
        "--num-workers",
        "1",
        "--accelerator",
        "cpu",
        "--enable-progress-bar",
        "false",
    )
    assert shown.startswith("error: cannot read ")
    assert shown.count("\n") == 1


def test_evaluate_names_the_videos_that_it_leaves_out(
    capsys, checkpoint: str, motion_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "pan_up").mkdir()
    good = motion_folder / "test" / "pan_up" / "0000.mp4"
    (tmp_path / "pan_up" / "good.mp4").symlink_to(good)
    (tmp_path / "pan_up" / "text.mp4").write_text("no video")
    main(["evaluate", checkpoint, str(tmp_path), "--num-workers", "0", "--time-limit-sec", "30"])
    shown = capsys.readouterr()
    assert "over 1 videos" in shown.out
    left_out = [line for line in shown.err.splitlines() if line.startswith("left out:")]
    assert len(left_out) == 1
    assert str(tmp_path / "pan_up" / "text.mp4") in left_out[0]


def test_a_folder_for_the_output_is_made_before_the_work(
    capsys, checkpoint: str, motion_folder: Path, tmp_path: Path
) -> None:
    clip = motion_folder / "test" / "pan_up" / "0000.mp4"
    output = tmp_path / "new" / "out.json"
    main(f"predict x3d_tiny {clip} --checkpoint {checkpoint} --clips 1 --output {output}".split())
    assert output.exists()
    crops = fails(capsys, "predict", "x3d_tiny", clip, "--checkpoint", checkpoint, "--crops", "2")
    assert "crops is 2" in crops


def test_help_tells_every_option(capsys) -> None:
    for command, told in (("train", "--resume"), ("predict", "folders that are searched")):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        assert told in " ".join(capsys.readouterr().out.split())


def test_a_narrow_screen_cuts_no_name(capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    main(["models"])
    assert set(list_models()) <= set(capsys.readouterr().out.split())
