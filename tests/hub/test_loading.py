import json
import logging
import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from pytorchvideo_clone.accelerator import ExportedModel, ExportError, export_model
from pytorchvideo_clone.hub import create_model, load_model, model_entry, save_bundle
from pytorchvideo_clone.hub.checkpoints import CheckpointError
from pytorchvideo_clone.hub.registry import MODELS

NAMES = [f"action {i}" for i in range(400)]


def same(first: nn.Module, second: nn.Module) -> None:
    torch.testing.assert_close(dict(first.state_dict()), dict(second.state_dict()))


@pytest.fixture(scope="module")
def published() -> nn.Module:
    torch.manual_seed(1)
    return create_model("x3d_xs")


@pytest.fixture
def zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, published: nn.Module) -> Path:
    """The weights and class names of x3d_xs, at addresses of this machine."""
    entry = model_entry("x3d_xs")
    torch.save({"model_state": published.state_dict()}, tmp_path / "X3D_XS.pyth")
    (tmp_path / "names.json").write_text(json.dumps({name: i for i, name in enumerate(NAMES)}))
    urls = [(tmp_path / name).as_uri() for name in ("X3D_XS.pyth", "names.json")]
    weights = replace(entry.weights, url=urls[0], class_names=urls[1])
    monkeypatch.setitem(MODELS, "x3d_xs", replace(entry, weights=weights))
    return tmp_path


def test_a_name_means_its_published_weights(zoo: Path, published: nn.Module) -> None:
    loaded = load_model("x3d_xs")
    same(loaded.model, published)
    assert not loaded.model.training
    assert loaded.input_spec == model_entry("x3d_xs").input_spec
    assert loaded.class_names == tuple(NAMES)


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_published_checkpoint_needs_no_bundle(
    zoo: Path, published: nn.Module, wrapped: bool
) -> None:
    state = published.state_dict()
    torch.save({"model_state": state} if wrapped else state, zoo / "mine.pyth")
    loaded = load_model("x3d_xs", zoo / "mine.pyth")
    same(loaded.model, published)
    assert loaded.class_names == tuple(NAMES)


def test_a_checkpoint_comes_from_a_url(
    zoo: Path, published: nn.Module, server: tuple[str, Path]
) -> None:
    url, folder = server
    (zoo / "X3D_XS.pyth").rename(folder / "X3D_XS.pyth")
    same(
        load_model("x3d_xs", f"{url}/X3D_XS.pyth").model,
        load_model("x3d_xs", f"{url}/X3D_XS.pyth").model,
    )


def test_a_plain_checkpoint_says_how_many_classes_there_are(tmp_path: Path) -> None:
    small = create_model("x3d_tiny", num_classes=5)
    torch.save(small.state_dict(), tmp_path / "five.pth")
    loaded = load_model("x3d_tiny", tmp_path / "five.pth")
    same(loaded.model, small)
    assert loaded.class_names is None


def test_checkpoints_with_the_keys_of_another_project_too(tmp_path: Path) -> None:
    from torchvision.models.video import r3d_18

    torch.save(r3d_18(num_classes=3).state_dict(), tmp_path / "r3d.pth")
    loaded = load_model("r3d_18", tmp_path / "r3d.pth")
    assert loaded.model(torch.zeros(1, 3, 2, 16, 16)).shape == (1, 3)


def test_names_that_cannot_be_fetched_are_numbers(
    zoo: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (zoo / "names.json").unlink()
    with caplog.at_level(logging.WARNING):
        assert load_model("x3d_xs").class_names is None
    assert "classes are called by their numbers, since file://" in caplog.text


def test_an_exported_file_says_by_itself_how_it_is_used(
    tmp_path: Path, server: tuple[str, Path]
) -> None:
    url, folder = server
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 8 * 8, 2))
    spec = {"num_frames": 4, "sampling_rate": 2, "crop": 8, "side": 8, "mean": [0.4, 0.4, 0.4]}
    metadata = {"model": "mine", "input_spec": json.dumps(spec), "class_names": '["run", "sit"]'}
    clip = torch.randn(1, 3, 4, 8, 8)
    for name in ("model.pt2", "model.xml"):
        export_model(model, clip, folder / name, metadata=metadata)
        loaded = load_model(f"{url}/{name}")
        assert isinstance(loaded.model, ExportedModel)
        assert (loaded.name, loaded.class_names) == ("mine", ("run", "sit"))
        assert loaded.input_spec.mean == (0.4, 0.4, 0.4)
        torch.testing.assert_close(loaded.model(clip), model(clip))
    export_model(model, clip, tmp_path / "bare.pt2")
    with pytest.raises(CheckpointError, match=r"bare.pt2 does not say .*pytorchvideo-clone export"):
        load_model(tmp_path / "bare.pt2")


@pytest.mark.parametrize("name", ["model.pth", "model.pt2", "model.xml"])
def test_changed_files_are_refused_or_give_the_same(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    entry, clip = model_entry("x3d_tiny"), torch.randn(1, 3, 4, 8, 8)
    layers = [nn.Conv3d(3, 4, 1), nn.ReLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten()]
    model: nn.Module = nn.Sequential(*layers, nn.Linear(4, 2)).eval()
    path = tmp_path / name
    if name == "model.pth":
        model = create_model("x3d_tiny", num_classes=2).eval()
        clip = torch.randn(1, *entry.input_spec.input_shape)
        save_bundle(path, model, "x3d_tiny", entry.input_spec, ["run", "sit"])
    else:
        spec = {"num_frames": 4, "sampling_rate": 2, "crop": 8, "side": 8}
        texts = {"input_spec": json.dumps(spec), "class_names": '["run", "sit"]'}
        export_model(model, clip, path, metadata=texts)
    with torch.no_grad():
        expected = load_model(path).model(clip)
    chance = random.Random(0)
    for number in range(30):
        file = chance.choice(sorted(tmp_path.iterdir()))
        whole = file.read_bytes()
        data = bytearray(whole)
        if number % 3:
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        else:
            data = data[: chance.randrange(len(data))]
        file.write_bytes(data)
        try:
            with torch.no_grad():
                found = load_model(path).model(clip)
        except (CheckpointError, ExportError):
            pass
        else:
            torch.testing.assert_close(found, expected, rtol=0, atol=0)
            assert name == "model.pth"  # which has bytes that are not read
        file.write_bytes(whole)


def test_a_broken_download_of_an_exported_file_is_not_kept(server: tuple[str, Path]) -> None:
    url, folder = server
    spec = {"num_frames": 4, "sampling_rate": 2, "crop": 8, "side": 8}
    texts = {"input_spec": json.dumps(spec), "class_names": "null"}
    export_model(nn.Flatten(), torch.randn(1, 3, 4, 8, 8), folder / "model.pt2", metadata=texts)
    whole = (folder / "model.pt2").read_bytes()
    (folder / "model.pt2").write_bytes(whole[:-300])
    with pytest.raises(ExportError, match="damaged"):
        load_model(f"{url}/model.pt2")
    (folder / "model.pt2").write_bytes(whole)
    assert load_model(f"{url}/model.pt2").model(torch.zeros(1, 3, 4, 8, 8)).shape == (1, 768)


def test_what_cannot_be_meant_is_refused(tmp_path: Path, zoo: Path) -> None:
    spec = model_entry("x3d_tiny").input_spec
    bundle = tmp_path / "tiny.pth"
    save_bundle(bundle, create_model("x3d_tiny", num_classes=2), "x3d_tiny", spec, ["a", "b"])
    for source, checkpoint, error, told in (
        ("x3d_ss", None, ValueError, "did you mean x3d_s"),
        ("x3d_tiny", None, ValueError, "no published weights"),
        ("slow_r50_detection", None, ValueError, "is for detection"),
        ("nowhere/model.pth", None, FileNotFoundError, "nowhere/model.pth"),
        ("nowhere.onnx", None, FileNotFoundError, "nowhere.onnx"),
        (str(zoo / "X3D_XS.pyth"), None, CheckpointError, "no bundle"),
        (str(bundle), str(bundle), ValueError, "choose one, or name the model"),
        ("x3d_xs", str(bundle), ValueError, "holds x3d_tiny, not x3d_xs"),
        ("x3d_tiny", str(zoo / "X3D_XS.pyth"), CheckpointError, "does not fit the model"),
    ):
        with pytest.raises(error, match=told):
            load_model(source, checkpoint)
