import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytorchvideo_clone.data.packed import PackedStore, PackSettings, StoreError, pack_videos
from pytorchvideo_clone.data.packed.encode import PackedVideoBytes
from pytorchvideo_clone.data.packed.format import Codec
from pytorchvideo_clone.data.packed.writer import _Encode
from tests.data.coded_video import write_video
from tests.data.packed.stores import write_videos


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_what_can_be_read_is_packed_and_the_rest_is_listed(tmp_path: Path) -> None:
    source = write_videos(tmp_path / "videos")
    steps: list[tuple[int, int]] = []
    report = pack_videos(
        source, tmp_path / "a.ptvpack", num_workers=2, on_progress=lambda *s: steps.append(s)
    )
    assert (report.packed, report.resumed) == (4, 0)
    assert [(Path(path).name, cause) for path, cause in report.left_out] == [
        ("empty.mp4", "the file is empty"),
        (
            "text.mp4",
            "it is no video file, or its header is damaged (Invalid data found when processing "
            "input)",
        ),
    ]
    assert steps == [(number, 6) for number in range(7)]
    assert set(content(tmp_path / "a.ptvpack")) == {
        "index.bin",
        "left_out.csv",
        "names.bin",
        "shard-00000.bin",
        "store.json",
    }
    assert list(PackedStore(tmp_path / "a.ptvpack").verify()) == []
    again = pack_videos(source, tmp_path / "a.ptvpack")
    assert (again.packed, again.resumed) == (4, 4)
    assert again.left_out == report.left_out


@pytest.mark.slow
@pytest.mark.parametrize(("codec", "kills"), [("h264", 5), ("jpeg", 2)])
def test_a_killed_packing_goes_on_to_the_same_bytes(
    codec: Codec, kills: int, tmp_path: Path
) -> None:
    (tmp_path / "videos" / "run").mkdir(parents=True)
    for number in range(12):
        write_video(tmp_path / "videos" / "run" / f"{number:02}.mp4", 40 + number, size=(96, 128))
    expected, killed = tmp_path / "whole.ptvpack", tmp_path / "killed.ptvpack"
    settings = PackSettings(codec, shard_bytes=20_000 if codec == "h264" else 200_000)
    pack_videos(tmp_path / "videos", expected, settings, num_workers=1)
    assert len(list(expected.glob("shard-*.bin"))) > 2
    call = f"pack_videos({str(tmp_path / 'videos')!r}, {str(killed)!r}, {settings}, num_workers=1)"
    (tmp_path / "pack.py").write_text(
        "from pytorchvideo_clone.data.packed import PackSettings, pack_videos\n"
        f"if __name__ == '__main__':\n    {call}\n"
    )
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # shown if it fails
    chance = random.Random(seed)
    # What is left after the last of them takes longer than the sleep below.
    points = sorted(chance.uniform(0.02, 0.6) * size_of(expected) for _ in range(kills))
    for kill, point in enumerate(points):
        packing = subprocess.Popen([sys.executable, "pack.py"], cwd=tmp_path)
        while size_of(killed) < point:
            time.sleep(0.002)
            assert packing.poll() is None
        time.sleep(chance.uniform(0, 0.05))
        packing.kill()
        packing.wait()
        with pytest.raises(StoreError, match="the packing was not finished"):
            PackedStore(killed)
        if kill == 1:  # a kill in the middle of writing
            with (killed / "unfinished.jsonl").open("ab") as file:
                file.write(b'{"shard": 9, "off')
            shard = sorted(killed.glob("shard-*.bin"))[-1]
            with shard.open("ab") as file:
                file.write(b"half a record")
    report = pack_videos(tmp_path / "videos", killed, settings, num_workers=1)
    assert report.resumed >= 1
    assert content(killed) == content(expected)


def size_of(store: Path) -> int:
    """Bytes of the records of a store, finished or not."""
    return sum(shard.stat().st_size for shard in store.glob("shard-*.bin"))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # inside Ray
def test_ray_makes_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray", reason="pip install 'pytorchvideo_clone[ray]'")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    source = write_videos(tmp_path / "videos")
    pack_videos(source, tmp_path / "a.ptvpack", num_workers=1)
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        report = pack_videos(source, tmp_path / "b.ptvpack", engine="ray", num_workers=2)
    finally:
        ray.shutdown()
    assert (report.packed, len(report.left_out)) == (4, 2)
    assert content(tmp_path / "b.ptvpack") == content(tmp_path / "a.ptvpack")


def test_another_list_or_other_settings_are_refused(tmp_path: Path) -> None:
    good = write_video(tmp_path / "good.mp4", 5)
    (tmp_path / "list.txt").write_text(f"{good} 3\n")
    store = tmp_path / "a.ptvpack"
    pack_videos(tmp_path / "list.txt", store, num_workers=1)
    assert PackedStore(store).class_names is None
    assert PackedStore(store).label(0) == 3
    with pytest.raises(ValueError, match="of another list of videos or with other settings"):
        pack_videos(tmp_path / "list.txt", store, PackSettings(short_side=128))
    (store / "store.json").unlink()
    plan = '{"version": 1, "list": "another"}\n'
    (store / "unfinished.jsonl").write_text(plan)
    with pytest.raises(ValueError, match="was begun with another list"):
        pack_videos(tmp_path / "list.txt", store)


def test_bad_arguments_are_refused(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("nowhere.mp4 1\n")
    with pytest.raises(ValueError, match=r"its name must end in \.ptvpack"):
        pack_videos(tmp_path / "list.txt", tmp_path / "store")
    with pytest.raises(ValueError, match="engine is 'spark'"):
        pack_videos(tmp_path / "list.txt", tmp_path / "a.ptvpack", engine="spark")
    with pytest.raises(ValueError, match="codec is 'h266'"):
        PackSettings(codec="h266")
    with pytest.raises(ValueError, match="short_side is 0"):
        PackSettings(short_side=0)
    with pytest.raises(StoreError, match=r"none of the 1 videos could be read \(nowhere\.mp4: "):
        pack_videos(tmp_path / "list.txt", tmp_path / "a.ptvpack", num_workers=1)


@dataclass(frozen=True)
class Crashing:
    """Stand for encoding with a decoder that takes its process with it."""

    settings: PackSettings

    def __call__(self, path: str) -> PackedVideoBytes:
        if path.startswith("crash"):
            os.kill(os.getpid(), 9)
        return PackedVideoBytes(path.encode(), 0, 1.0)


def test_a_crash_costs_one_video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytorchvideo_clone.data.packed.writer._Encode", Crashing)
    names = ["a", "crash1", "b", "c", "crash2", "crash3", "d", "e", "f", "g"]
    rows = [f"{name}.mp4 {number}\n" for number, name in enumerate(names)]
    (tmp_path / "list.txt").write_text("".join(rows), "utf-8")
    report = pack_videos(tmp_path / "list.txt", tmp_path / "a.ptvpack", num_workers=2)
    crashed = "the decoder crashed the process"
    assert report.left_out == [(f"crash{number}.mp4", crashed) for number in (1, 2, 3)]
    store = PackedStore(tmp_path / "a.ptvpack")
    assert [store.label(number) for number in range(len(store))] == [0, 2, 3, 6, 7, 8, 9]


def test_what_nobody_foresaw_is_the_cause_of_one_video(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AttributeError("no such thing")

    monkeypatch.setattr("pytorchvideo_clone.data.packed.writer.encode_video", fail)
    assert _Encode(PackSettings())("a.mp4") == "AttributeError: no such thing"


def test_any_name_is_packed_with_sound_or_says_why(tmp_path: Path) -> None:
    folder = tmp_path / "v" / "run"
    folder.mkdir(parents=True)
    names = ["12:30:05.mp4", "caf\udce9.mp4", "two\nlines.MOV", "🎬.mkv"]
    content = Path(write_video(tmp_path / "a.mp4", 3, audio_sec=1)).read_bytes()
    for name in names:
        (folder / name).write_bytes(content)
    mute = Path(write_video(folder / "no tta.mkv", 3, audio_sec=1, audio_codec="tta"))
    mute.write_bytes(mute.read_bytes().replace(b"A_TTA1", b"A_ZZZ1"))
    (folder / "bad\udce9.mp4").write_bytes(b"no video")
    report = pack_videos(tmp_path / "v", tmp_path / "a.ptvpack", num_workers=1)
    assert [Path(path).name for path, _ in report.left_out] == ["bad\udce9.mp4"]
    cause = "FFmpeg does not know the codec of its sound"
    assert report.without_sound == [(str(mute), cause)]
    store = PackedStore(tmp_path / "a.ptvpack")
    found = {Path(store.name(number)).name for number in range(len(store))}
    assert found == {*names, "no tta.mkv"}
    assert list(store.verify()) == []
    again = pack_videos(tmp_path / "v", tmp_path / "a.ptvpack", num_workers=1)
    assert (again.left_out, again.without_sound) == (report.left_out, report.without_sound)


class Stopped(Exception):
    pass


def stop_after(count: int) -> Callable[[int, int], None]:
    def stop(done: int, total: int) -> None:
        if done == count:
            raise Stopped

    return stop


def test_a_store_in_its_own_source_is_no_class_and_goes_on(tmp_path: Path) -> None:
    for name in ("a/0.mp4", "a/1.mp4", "b/0.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_video(tmp_path / name, 3)
    store = tmp_path / "s.ptvpack"
    with pytest.raises(Stopped):
        pack_videos(tmp_path, store, num_workers=1, on_progress=stop_after(2))
    assert pack_videos(tmp_path, store, num_workers=1).resumed == 2
    assert PackedStore(store).class_names == ["a", "b"]


def test_a_record_that_a_loss_of_power_left_as_zeros_is_packed_again(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    for number in range(4):
        write_video(tmp_path / "run" / f"{number}.mp4", 3)
    pack_videos(tmp_path, tmp_path / "whole.ptvpack", num_workers=1)
    store = tmp_path / "s.ptvpack"
    with pytest.raises(Stopped):
        pack_videos(tmp_path, store, num_workers=1, on_progress=stop_after(3))
    shard = store / "shard-00000.bin"
    data = shard.read_bytes()
    half = len(data) // 2  # of the second of three
    shard.write_bytes(data[:half] + bytes(len(data) - half))
    assert pack_videos(tmp_path, store, num_workers=1).resumed == 1
    assert list(PackedStore(store).verify()) == []
    assert content(store) == content(tmp_path / "whole.ptvpack")
