import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pytorchvideo_clone.cli import main

# Each in one process: what it shows, and what was imported for it.
QUICK = [
    "--version",
    "--help",
    "data --help",
    "train --help",
    "predict --help",
    "data pack --help",
    "train",
    "train videos --modle x3d_s",
    "train videos --epochs many",
    "nothing",
    "train no/videos",
    "data scan no/list.csv",
    "predict x3d_sx a.mp4",
    "evaluate no/model.pth videos",
]


def test_what_the_words_alone_show_needs_no_parser_of_values() -> None:
    script = """
import sys
from pytorchvideo_clone.cli import main
lines = ["--version", "--help", "data", "nothing", "train", "predict --top-k=3", "train --lrr 3"]
for line in [*lines, "train no/videos", "predict x3d_sx a.mp4", "evaluate no/model.pth videos"]:
    try:
        main(line.split())
    except SystemExit:
        assert "jsonargparse" not in sys.modules, line
        continue
    raise AssertionError(line)
"""
    command = [sys.executable, "-c", script]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr
    assert "error: data_path is missing: folder" in shown.stderr


def test_help_and_usage_errors_import_nothing_slow() -> None:
    script = f"""
import sys
from pytorchvideo_clone.cli import main
for line in {QUICK!r}:
    try:
        main(line.split())
    except SystemExit:
        continue
    raise AssertionError(line)
slow = {{"torch", "numpy", "lightning", "av", "rich", "PIL", "torchvision"}} & set(sys.modules)
assert not slow, slow
import resource
unit = 1024 if sys.platform == "linux" else 1
assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit < 100 * 2**20
"""
    # A process that grew out of a large one counts the memory of that, so a small one starts it.
    command = ["/bin/sh", "-c", '"$0" -W error -c "$1"; exit $?', sys.executable, script]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to see when torch is imported")
def test_an_interrupt_of_the_start_shows_no_traceback() -> None:
    script = "import sys; from pytorchvideo_clone.cli import main; main(['models'])"
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with Path(f"/proc/{process.pid}/maps").open("rb") as maps:
        while process.poll() is None and b"libtorch" not in maps.read():
            time.sleep(0.01)
            maps.seek(0)
    os.kill(process.pid, signal.SIGINT)
    _, shown = process.communicate(timeout=60)
    assert (process.returncode, shown) == (130, "interrupted\n")


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    script = "from pytorchvideo_clone.cli import main; main(['train', '--help'])"
    command = ["/bin/sh", "-c", '"$0" -c "$1" | true', sys.executable, script]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    assert shown.stderr == ""


def test_an_interrupt_of_a_command_ends_with_status_130(capsys, monkeypatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pytorchvideo_clone.cli.doctor.doctor", interrupted)
    with pytest.raises(SystemExit) as end:
        main(["doctor"])
    assert end.value.code == 130
    assert capsys.readouterr().err == "interrupted\n"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_mistake_of_ours_keeps_its_traceback(monkeypatch) -> None:
    def broken() -> None:
        raise KeyError("ours")

    monkeypatch.setattr("pytorchvideo_clone.cli.doctor.doctor", broken)
    with pytest.raises(KeyError, match="ours"):
        main(["doctor"])
