import json
import pickle
import shutil
from pathlib import Path

import pytest

from pytorchvideo_clone.data import ClipDataset, LabeledVideoPaths, UniformClipSampler
from pytorchvideo_clone.data.packed import PackedStore, PackedVideo, StoreError
from pytorchvideo_clone.data.packed.store import checksum_of, split_path, video_path
from tests.data.packed.stores import forge, forge_index, make_store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_store(tmp_path_factory.mktemp("packed"), shard_bytes=8000)


def test_a_store_lists_its_videos(store: Path) -> None:
    packed = pickle.loads(pickle.dumps(PackedStore(store)))
    assert len(packed) == 4
    assert packed.class_names == ["run", "sit"]
    assert [Path(packed.name(n)).name for n in range(4)] == ["a.mp4", "b.mp4", "c.mp4", "d.avi"]
    assert [packed.label(n) for n in range(4)] == [0, 0, 1, 1]
    assert packed.duration(0) == 2
    assert len(packed.about["shards"]) > 1


def test_paths_of_videos_are_told_from_others() -> None:
    assert split_path(video_path("/data/k400.ptvpack", 12)) == ("/data/k400.ptvpack", 12)
    for path in ("a.mp4", "a#1.mp4", "k400.ptvpack", "k400.ptvpack#x", "a.mp4#1"):
        assert split_path(path) is None


@pytest.mark.parametrize("part", ["store.json", "index.bin", "names.bin", "shard-00001.bin"])
def test_one_flipped_bit_is_found_wherever_it_is(store: Path, tmp_path: Path, part: str) -> None:
    copy = tmp_path / store.name
    shutil.copytree(store, copy)
    content = bytearray((copy / part).read_bytes())
    for place in range(0, len(content), max(1, len(content) // 40)):
        content[place] ^= 4
        (copy / part).write_bytes(content)
        if part.startswith("shard"):
            assert len(list(PackedStore(copy).verify())) == 1
        else:
            with pytest.raises(StoreError, match=part):
                PackedStore(copy)
        content[place] ^= 4


def test_a_store_cut_off_or_of_the_future_is_refused(store: Path, tmp_path: Path) -> None:
    copy = tmp_path / store.name
    shutil.copytree(store, copy)
    shard = copy / "shard-00001.bin"
    shard.write_bytes(shard.read_bytes()[:-10])
    assert any("cut off" in cause for _, cause in PackedStore(copy).verify())
    about = json.loads((copy / "store.json").read_text())
    about = {**about, "version": 99}
    del about["crc32"]
    (copy / "store.json").write_text(json.dumps({**about, "crc32": checksum_of(about)}))
    with pytest.raises(StoreError, match=r"version 99 .* update pytorchvideo_clone"):
        PackedStore(copy)
    with pytest.raises(StoreError, match="it is no packed store"):
        PackedStore(tmp_path)


@pytest.mark.parametrize("part", ["shard-00000.bin", "index.bin", "names.bin"])
@pytest.mark.parametrize("state", ["missing", "empty", "folder", "half", "zeros", "another's"])
def test_a_store_that_is_not_whole_is_a_read_error(
    store: Path, tmp_path: Path, part: str, state: str
) -> None:
    shutil.copytree(store, copy := tmp_path / store.name)
    content = (copy / part).read_bytes()
    (copy / part).unlink()
    changed = {"empty": b"", "half": content[: len(content) // 2], "zeros": bytes(len(content))}
    changed["another's"] = content[::-1]
    if state in changed:
        (copy / part).write_bytes(changed[state])
    elif state == "folder":
        (copy / part).mkdir()
    with pytest.raises(StoreError):
        PackedVideo(video_path(copy, 0))
    (tmp_path / "good").mkdir()
    shutil.copytree(store, tmp_path / "good" / store.name)
    listed = [(video_path(copy, 0), 0), (video_path(tmp_path / "good" / store.name, 0), 1)]
    data = ClipDataset(LabeledVideoPaths(listed), UniformClipSampler(1), faults="substitute")
    assert data[0]["label"] == 1


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("shard", [0, 99, 0, 0]),
        ("offset", [0, 2**63, 0, 0]),
        ("length", [2**64 - 1, 1, 1, 1]),
        ("name_end", [9, 3, 12, 15]),
        ("name_end", [9, 10, 12, 10**9]),
        ("duration", [1, -1, 1, 1]),
        ("duration", [1, float("nan"), 1, 1]),
    ],
)
def test_an_index_that_leads_out_of_its_files_is_refused(
    store: Path, tmp_path: Path, column: str, values: list
) -> None:
    shutil.copytree(store, copy := tmp_path / store.name)
    forge_index(copy, **{column: values})
    with pytest.raises(StoreError, match=r"its index is damaged \(row \d"):
        PackedStore(copy)


@pytest.mark.parametrize(
    "change",
    [
        lambda about: about["names"].update(name="../../etc/passwd"),
        lambda about: about["shards"][0].update(name="/etc/passwd"),
        lambda about: about["index"].update(name="..\\index.bin"),
        lambda about: about["names"].update(bytes=-1),
        lambda about: about.update(class_names=[1, 2]),
        lambda about: about.update(shards=5),
        lambda about: about.pop("names"),
        lambda about: about.pop("version"),
    ],
)
def test_what_store_json_says_is_checked(store: Path, tmp_path: Path, change) -> None:
    shutil.copytree(store, copy := tmp_path / store.name)
    forge(copy, change)
    with pytest.raises(StoreError, match=r"store\.json is damaged"):
        PackedStore(copy)
