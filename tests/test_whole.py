import errno
import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from pytorchvideo_clone._whole import write_whole, written_whole
from pytorchvideo_clone.data.lists.folders import is_video


def test_a_failure_leaves_the_file_that_was_there_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    write_whole(path, b"good")
    with pytest.raises(ZeroDivisionError), written_whole(path) as unfinished:
        assert (unfinished.parent, unfinished.suffix) == (tmp_path, ".pth")
        unfinished.write_bytes(b"half")
        raise ZeroDivisionError
    assert [file.name for file in tmp_path.iterdir()] == ["model.pth"]
    assert path.read_bytes() == b"good"


def test_a_full_disk_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    write_whole(path, "good")
    # A process that may write 4 kB into a file, as if the disk were full then.
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096));"
        "from pytorchvideo_clone._whole import write_whole; write_whole(sys.argv[1], 'x' * 10**5)"
    )
    run = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert "File too large" in run.stderr
    assert path.read_text() == "good"
    assert list(tmp_path.iterdir()) == [path]


def test_text_is_utf_8_with_escapes_for_bytes_that_are_no_text(tmp_path: Path) -> None:
    write_whole(tmp_path / "a.txt", "grün caf\udce9\n")
    assert (tmp_path / "a.txt").read_bytes() == b"gr\xc3\xbcn caf\\udce9\n"


@pytest.mark.parametrize(("number", "fails"), [(errno.ENOSPC, True), (errno.EINVAL, False)])
def test_a_disk_that_turns_out_to_be_full_is_an_error(
    number: int, fails: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.bin"
    write_whole(path, b"good")

    def fsync(handle: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="No space") if fails else nullcontext():
        write_whole(path, b"new")
    assert path.read_bytes() == (b"good" if fails else b"new")
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_kill_leaves_counts_as_no_video(tmp_path: Path) -> None:
    with written_whole(tmp_path / "a.mp4") as unfinished:
        assert not is_video(str(unfinished))
        unfinished.touch()
