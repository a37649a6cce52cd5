import hashlib
import io
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from pytorchvideo_clone.accelerator.export import ExportError, export_model, load_exported
from pytorchvideo_clone.accelerator.export.seal import SEALS, check_seal, write_seal


def files_of(suffix: str, folder: Path) -> list[Path]:
    """Files of a form that may end so, and one beside the first."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("weights", bytes(range(200)))
    paths = [folder / f"model{suffix}", folder / "model.bin"]
    paths[0].write_bytes(content.getvalue())
    paths[1].write_bytes(bytes(range(100)))
    return paths


@pytest.mark.parametrize("suffix", SEALS)
def test_any_flip_and_any_cut_is_found(suffix: str, tmp_path: Path) -> None:
    paths = files_of(suffix, tmp_path)
    before = paths[0].read_bytes()
    write_seal(suffix, paths)
    check_seal(suffix, paths)
    sealed = paths[0].read_bytes()
    begin = sealed[: len(before)]
    assert hashlib.sha256(begin + paths[1].read_bytes()).hexdigest().encode() in sealed
    assert begin[:-2] == before[:-2]  # of a zip file the length of its comment follows
    for path in paths:
        data = path.read_bytes()
        for place in range(len(data)):
            path.write_bytes(data[:place] + bytes([data[place] ^ 0x20]) + data[place + 1 :])
            with pytest.raises(ExportError, match="damaged"):
                check_seal(suffix, paths)
            path.write_bytes(data[:place])
            with pytest.raises(ExportError, match="damaged"):
                check_seal(suffix, paths)
        path.write_bytes(data)
    check_seal(suffix, paths)
    paths[1].unlink()
    with pytest.raises(ExportError, match=r"model\.bin is missing"):
        check_seal(suffix, paths)


def test_a_sealed_archive_is_a_whole_zip_file(tmp_path: Path) -> None:
    paths = files_of(".pt2", tmp_path)
    write_seal(".pt2", paths[:1])
    with zipfile.ZipFile(paths[0]) as archive:
        assert archive.testzip() is None and archive.read("weights") == bytes(range(200))
        assert archive.comment.startswith(b"pytorchvideo_clone.sha256 ")


def test_the_digest_of_onnx_is_an_entry_of_its_metadata(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.ModelProto(ir_version=8)
    model.metadata_props.add(key="class_names", value="[]")
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    digest = hashlib.sha256((tmp_path / "model.onnx").read_bytes()).hexdigest()
    write_seal(".onnx", [tmp_path / "model.onnx"])
    entries = onnx.load(tmp_path / "model.onnx").metadata_props
    assert [(entry.key, entry.value) for entry in entries] == [
        ("class_names", "[]"),
        ("pytorchvideo_clone.sha256", digest),
    ]


def test_a_file_of_another_program_is_taken_on_request(tmp_path: Path) -> None:
    path, clip = tmp_path / "model.pt2", torch.rand(2, 3)
    model = nn.Linear(3, 2)
    torch.export.save(torch.export.export(model, (clip,)), path)
    with pytest.raises(ExportError, match="check=False"):
        load_exported(path)
    torch.testing.assert_close(load_exported(path, check=False)(clip), model(clip))
    export_model(model, clip, path)
    load_exported(path)
