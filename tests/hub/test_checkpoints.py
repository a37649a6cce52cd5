import zipfile
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from torch import nn

from pytorchvideo_clone.hub.checkpoints import (
    CheckpointError,
    LoadReport,
    compare_states,
    load_checkpoint,
    load_state,
    read_checkpoint,
)


def make_model(classes: int = 4) -> nn.Module:
    return nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Linear(5, classes))


@pytest.mark.parametrize("form", ["path", "str", "file url"])
@pytest.mark.parametrize("wrapped", [True, False])
def test_checkpoints_load_from_files(form: str, wrapped: bool, tmp_path: Path) -> None:
    saved, model = make_model(), make_model()
    path = tmp_path / "with space.pyth"
    state = saved.state_dict()
    torch.save({"model_state": state, "epoch": 7} if wrapped else state, path)
    source = {"path": path, "str": str(path), "file url": path.as_uri()}[form]
    report = load_checkpoint(model, source)
    assert report.complete
    assert report.loaded == tuple(state)
    torch.testing.assert_close(dict(model.state_dict()), dict(state))


def test_a_url_is_downloaded_once(server: tuple[str, Path], capsys: pytest.CaptureFixture) -> None:
    url, folder = server
    torch.save(make_model().state_dict(), folder / "a.pyth")
    digest = sha256((folder / "a.pyth").read_bytes()).hexdigest()
    load_checkpoint(make_model(), f"{url}/a.pyth", sha256=digest[:8])
    assert "100%" in capsys.readouterr().err
    (folder / "a.pyth").unlink()
    assert load_checkpoint(make_model(), f"{url}/a.pyth").complete
    assert "100%" not in capsys.readouterr().err


def test_a_flipped_bit_is_refused_or_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    expected = {"weight": torch.arange(200.0), "bias": torch.rand(50, dtype=torch.float64)}
    torch.save(expected, path)
    data, refused = path.read_bytes(), 0
    for place in range(0, len(data), 7):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x40]) + data[place + 1 :])
        try:
            read = read_checkpoint(path)["model_state"]
        except CheckpointError:
            refused += 1
        else:
            torch.testing.assert_close(dict(read), expected, rtol=0, atol=0)
    assert refused * 7 > 200 * 4 + 50 * 8  # all flips of the numbers


def test_a_wrong_or_broken_download_is_refused_and_not_kept(server: tuple[str, Path]) -> None:
    url, folder = server
    torch.save(make_model().state_dict(), folder / "a.pyth")
    with pytest.raises(CheckpointError, match=r"could not be downloaded.*hash"):
        read_checkpoint(f"{url}/a.pyth", progress=False, sha256="0123abcd")
    whole = (folder / "a.pyth").read_bytes()
    (folder / "a.pyth").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_checkpoint(f"{url}/a.pyth", progress=False)
    (folder / "a.pyth").write_bytes(whole)
    assert read_checkpoint(f"{url}/a.pyth", progress=False)["model_state"]


@pytest.mark.parametrize("content", [b"", b"hello, I am text", b"PK\x03\x04 broken zip"])
def test_a_file_that_is_no_checkpoint_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.pyth"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"a\.pyth cannot be read as a checkpoint"):
        read_checkpoint(path)


class Harmful:
    def __reduce__(self) -> tuple:
        return (print, ("unpickled",))


def test_no_code_in_a_file_is_run(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    torch.save({"model_state": make_model().state_dict(), "x": Harmful()}, tmp_path / "a.pyth")
    with pytest.raises(CheckpointError, match="tensors and plain data only"):
        read_checkpoint(tmp_path / "a.pyth")
    assert "unpickled" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "content", [{}, {"model_state": {}}, {"state_dict": {}, "epoch": 3}, torch.ones(3), [1, 2]]
)
def test_a_file_without_a_state_dict_is_refused(content, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "a.pyth")
    with pytest.raises(CheckpointError, match="expected a state dict, or one under 'model_state'"):
        read_checkpoint(tmp_path / "a.pyth")


def test_a_checkpoint_of_another_model_is_refused_with_an_account(tmp_path: Path) -> None:
    other = nn.Sequential(nn.Linear(3, 6), nn.Linear(5, 4))
    torch.save({"model_state": other.state_dict(), "model": "other"}, tmp_path / "a.pyth")
    model = make_model()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(CheckpointError) as error:
        load_checkpoint(model, tmp_path / "a.pyth")
    text = str(error.value)
    assert "a.pyth (of other) does not fit the model" in text
    assert "5 missing (1.running_mean, 1.running_var, 1.num_batches_tracked, …)" in text
    assert "0.weight: [5, 3] in the model, [6, 3] in the checkpoint" in text
    torch.testing.assert_close(dict(model.state_dict()), before)


def test_what_fits_is_loaded_when_not_strict_but_never_nothing(tmp_path: Path) -> None:
    saved, model = make_model(), make_model()
    state = saved.state_dict()
    partial_state = {"0.weight": state["0.weight"], "extra": torch.ones(1)}
    report = load_state(model, partial_state, "here", strict=False)
    assert report.loaded == ("0.weight",)
    assert report.unexpected == ("extra",)
    torch.testing.assert_close(model[0].weight, saved[0].weight)
    with pytest.raises(CheckpointError, match="0 entries loaded"):
        load_state(model, {"extra": torch.ones(1)}, "here", strict=False)


def test_another_class_count_needs_leave() -> None:
    saved, model = make_model(classes=4), make_model(classes=7)
    with pytest.raises(CheckpointError, match=r"Pass num_classes=4 for the .* num_classes=7 for a"):
        load_state(model, saved.state_dict(), "here")
    head = model[2].weight.clone()
    report = load_state(model, saved.state_dict(), "here", head="new")
    assert set(report.mismatched) == {"2.weight", "2.bias"}
    torch.testing.assert_close(model[2].weight, head)
    torch.testing.assert_close(model[0].weight, saved[0].weight)


def test_a_new_head_is_no_leave_for_other_differences() -> None:
    narrow = nn.Sequential(nn.Linear(3, 6), nn.BatchNorm1d(6), nn.Linear(6, 7))
    with pytest.raises(CheckpointError, match="mismatched"):
        load_state(make_model(classes=7), narrow.state_dict(), "here", head="new")


def test_features_leave_the_head_but_need_all_the_rest() -> None:
    saved = make_model()
    report = load_state(saved[:2], saved.state_dict(), "here", head="none")
    assert report.unexpected == ("2.weight", "2.bias")
    with pytest.raises(CheckpointError, match="2 missing"):
        load_state(saved, saved[:2].state_dict(), "here", head="none")


ODD = {
    "meta": lambda x: torch.empty_like(x, device="meta"),
    "sparse": lambda x: x.to_sparse(),
    "sparse ": lambda x: x.to_sparse_csr() if x.dim() == 2 else x.to_sparse(),
    "quantized": lambda x: torch.quantize_per_tensor(x, 0.1, 0, torch.qint8),
    "complex": lambda x: x.to(torch.complex64),
}


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")  # of torch's own
def test_odd_tensors_are_refused_and_the_model_is_unchanged(kind: str, tmp_path: Path) -> None:
    state = make_model().state_dict()
    # Not the first: those before it would have been taken.
    state = {key: ODD[kind](x) if key == "2.weight" else x for key, x in state.items()}
    torch.save(state, tmp_path / "a.pth")
    model = make_model()
    before = {key: x.clone() for key, x in model.state_dict().items()}
    for load in (
        lambda: load_checkpoint(model, tmp_path / "a.pth"),
        lambda: load_checkpoint(model, tmp_path / "a.pth", strict=False),
        lambda: load_state(model, state, "a.pth"),
    ):
        with pytest.raises(CheckpointError, match=r"a\.pth holds '2\.weight' (as a|in torch)"):
            load()
        torch.testing.assert_close(dict(model.state_dict()), before, rtol=0, atol=0)


def test_a_compressed_file_is_not_unpacked(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(1_000_000)}, tmp_path / "a.pth")
    with (
        zipfile.ZipFile(tmp_path / "a.pth") as archive,
        zipfile.ZipFile(tmp_path / "b.pth", "w", zipfile.ZIP_DEFLATED) as other,
    ):
        for entry in archive.infolist():
            other.writestr(entry.filename, archive.read(entry))
    assert (tmp_path / "b.pth").stat().st_size < 20_000
    with pytest.raises(CheckpointError, match="is compressed"):
        read_checkpoint(tmp_path / "b.pth")


def test_report_says_whether_only_the_class_count_differs() -> None:
    def count(ours: tuple, theirs: tuple) -> tuple[int, int] | None:
        model, other = {"a": torch.zeros(ours)}, {"a": torch.zeros(theirs)}
        return compare_states(model, other).other_class_count

    assert count((4, 3), (7, 3)) == (4, 7)
    assert count((4, 3), (7, 2)) is None
    assert count((), (7,)) is None
    assert LoadReport(loaded=("a",)).other_class_count is None
