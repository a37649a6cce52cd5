"""Scanning real folders with real worker processes."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pytorchvideo_clone.data.scan import ScannedVideo, probe_video, read_manifest, scan_videos
from tests.data.coded_video import write_video


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes with three good videos and four bad ones."""
    root = tmp_path_factory.mktemp("videos")
    for name in ("run", "sit"):
        (root / name).mkdir()
    write_video(root / "run" / "a.mp4", frames=30, audio_sec=1)
    write_video(root / "run" / "b.avi", frames=12, codec="mpeg4", size=(50, 70), rate=10)
    write_video(root / "sit" / "turned.mp4", frames=5, rotation=90)
    whole = Path(write_video(root / "sit" / "cut.mp4", container_options={"movflags": "faststart"}))
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    (root / "run" / "empty.mp4").touch()
    (root / "sit" / "text.mp4").write_text("no video")
    os.mkfifo(root / "sit" / "pipe.mp4")
    return root


def test_a_manifest_tells_what_is_in_each_video(folder: Path, tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    manifest = tmp_path / "new" / "videos.csv"
    report = scan_videos(
        folder, manifest, num_workers=2, on_progress=lambda *step: steps.append(step)
    )
    assert [Path(row.path).name for row in report.good] == ["a.mp4", "b.avi", "turned.mp4"]
    first, second, turned = report.good
    assert (first.label, first.class_name, turned.label, turned.class_name) == (0, "run", 1, "sit")
    assert (first.codec, first.audio_codec, first.num_frames) == ("h264", "aac", 30)
    assert (first.duration, first.fps) == pytest.approx((1, 30))
    assert (second.codec, second.audio_codec, second.num_frames) == ("mpeg4", "", 12)
    assert (second.height, second.width) == (50, 70)
    assert (turned.height, turned.width) == (48, 64)
    causes = {Path(row.path).name: row.cause for row in report.bad}
    assert set(causes) == {"cut.mp4", "empty.mp4", "text.mp4", "pipe.mp4"}
    assert causes["empty.mp4"] == "the file is empty"
    assert "no video file" in causes["text.mp4"]
    assert causes["pipe.mp4"] == "there is no such file"
    assert steps[0] == (0, 7)
    assert steps[-1] == (7, 7)
    assert read_manifest(manifest) == report.good
    assert read_manifest(tmp_path / "new" / "videos.bad.csv") == report.bad
    assert len(list((tmp_path / "new").iterdir())) == 2


def test_a_second_scan_looks_at_what_changed_or_was_bad(folder: Path, tmp_path: Path) -> None:
    videos = tmp_path / "list.txt"
    good = write_video(tmp_path / "good.mp4", frames=5)
    other = write_video(tmp_path / "other.mp4", frames=5)
    videos.write_text(f"{good} 3\n{other} 4\n{folder / 'run' / 'empty.mp4'} 5\n")
    first = scan_videos(videos, tmp_path / "videos.csv", num_workers=1)
    assert (len(first.good), len(first.bad), first.reused) == (2, 1, 0)
    assert [row.label for row in first.good] == [3, 4]
    write_video(tmp_path / "other.mp4", frames=7)
    videos.write_text(videos.read_text().replace(" 3\n", " 9\n"))
    second = scan_videos(videos, tmp_path / "videos.csv", num_workers=1)
    assert second.reused == 1
    assert [(row.label, row.num_frames) for row in second.good] == [(9, 5), (4, 7)]


@pytest.mark.slow  # a second interpreter, and two sets of worker processes
def test_a_killed_scan_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "videos" / "run").mkdir(parents=True)
    for number in range(30):
        write_video(tmp_path / "videos" / "run" / f"{number:02}.mp4", frames=3)
    script = (
        "from pytorchvideo_clone.data.scan import scan_videos\n"
        "if __name__ == '__main__':\n    scan_videos('videos', 'videos.csv', num_workers=1)\n"
    )
    (tmp_path / "scan.py").write_text(script)
    scan = subprocess.Popen([sys.executable, "scan.py"], cwd=tmp_path)
    unfinished = tmp_path / "videos.part.csv"
    while not unfinished.exists() or unfinished.read_bytes().count(b"\n") < 5:
        time.sleep(0.01)
        assert scan.poll() is None
    scan.kill()
    scan.wait()
    with unfinished.open("a") as file:
        file.write("videos/run/99")  # a row that was being written
    before = unfinished.read_bytes().count(b"\n") - 1
    monkeypatch.chdir(tmp_path)
    report = scan_videos("videos", "videos.csv", num_workers=1)
    assert report.reused >= before >= 4
    assert len(report.good) == 30


def test_every_frame_is_looked_at_if_asked(tmp_path: Path) -> None:
    path = Path(write_video(tmp_path / "video.mp4", frames=60, options={"g": "10"}))
    content = bytearray(path.read_bytes())
    start = content.index(b"mdat") + 4
    middle = start + (content.index(b"moov") - start) // 2
    content[middle : middle + 400] = bytes(400)
    path.write_bytes(content)
    assert probe_video(str(path), "header").cause == ""
    assert probe_video(str(path), "ends").cause == ""
    assert probe_video(str(path), "all").cause != ""


def test_a_closer_look_does_not_trust_a_quicker_one(tmp_path: Path) -> None:
    video = write_video(tmp_path / "good.mp4", frames=5)
    (tmp_path / "list.txt").write_text(f"{video} 3\n")

    def reused(check: str) -> int:
        report = scan_videos(
            tmp_path / "list.txt", tmp_path / "videos.csv", check=check, num_workers=1
        )
        assert report.good
        return report.reused

    assert [reused(check) for check in ("ends", "all", "header", "all")] == [0, 0, 1, 1]


def crash(path: str, check: str) -> ScannedVideo:
    """Stand for a decoder that takes its process with it, or never comes back."""
    if path.startswith("bad"):
        os.kill(os.getpid(), 9)
    if path.startswith("slow"):
        time.sleep(600)
    return ScannedVideo(path)


def test_a_crash_or_a_hang_costs_one_video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytorchvideo_clone.data.scan.probe_video", crash)
    names = ["a.mp4", "bad.mp4", "b.mp4", "slow.mp4", "c.mp4"]
    (tmp_path / "list.txt").write_text("".join(f"{name} 1\n" for name in names))
    report = scan_videos(
        tmp_path / "list.txt", tmp_path / "videos.csv", num_workers=2, time_limit_sec=3
    )
    assert [row.path for row in report.good] == ["a.mp4", "b.mp4", "c.mp4"]
    assert [(row.path, row.cause) for row in report.bad] == [
        ("bad.mp4", "the decoder crashed the process"),
        ("slow.mp4", "it took longer than 3 s"),
    ]


def test_bad_arguments_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="check is 'some'"):
        scan_videos(tmp_path, tmp_path / "videos.csv", check="some")
    with pytest.raises(ValueError, match="num_workers is 0"):
        scan_videos(tmp_path, tmp_path / "videos.csv", num_workers=0)
    (tmp_path / "list.txt").write_text("a.mp4 1\n")
    with pytest.raises(ValueError, match=r"list\.txt, line 1 is no row of a manifest"):
        read_manifest(tmp_path / "list.txt")


def test_another_file_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "videos.csv").write_text("a.mp4 1\n")
    with pytest.raises(ValueError, match=r"videos\.csv is no manifest .* would be lost"):
        scan_videos(tmp_path / "videos.csv", tmp_path / "videos.csv", num_workers=1)
    assert (tmp_path / "videos.csv").read_text() == "a.mp4 1\n"


@pytest.mark.parametrize("codec", [b"avc1\0\0\0\0", b"mp4a\0\0\0\0"])
def test_a_codec_that_nobody_knows_is_named(codec: bytes, tmp_path: Path) -> None:
    path = Path(write_video(tmp_path / "a.mp4", frames=5, audio_sec=1))
    assert path.read_bytes().count(codec) == 1
    path.write_bytes(path.read_bytes().replace(codec, b"zzz1\0\0\0\0"))
    cause = probe_video(str(path)).cause
    assert cause == ("FFmpeg does not know the codec of its pictures" if b"avc1" in codec else "")


def test_a_video_that_is_listed_twice_is_looked_at_once_and_keeps_both_rows(
    tmp_path: Path,
) -> None:
    for name in "ab":
        write_video(tmp_path / f"{name}.mp4", 3)
    (tmp_path / "list.csv").write_text("a.mp4 0\nb.mp4 1\na.mp4 2\n")
    counts = []
    scan_videos(
        tmp_path / "list.csv",
        tmp_path / "m.csv",
        num_workers=1,
        on_progress=lambda done, total: counts.append((done, total)),
    )
    found = [(Path(row.path).name, row.label) for row in read_manifest(tmp_path / "m.csv")]
    assert found == [("a.mp4", 0), ("b.mp4", 1), ("a.mp4", 2)]
    assert counts[-1] == (2, 2)
