import re
from pathlib import Path

import pytest
from PIL import Image

from pytorchvideo_clone.cli import main
from pytorchvideo_clone.data.profile import ADVICE
from pytorchvideo_clone.data.scan import read_manifest
from pytorchvideo_clone.data.stages import STAGES
from tests.data.coded_video import write_video
from tests.data.packed.stores import write_videos


def test_scan_names_what_is_bad_and_ends_with_status_1(capsys, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    write_video(tmp_path / "run" / "good.mp4", frames=6)
    manifest = tmp_path / "videos.csv"
    command = ["data", "scan", str(tmp_path), "--manifest", str(manifest), "--num-workers", "1"]
    main(command)
    assert "1 videos of 0.00 hours can be read, 0 cannot" in capsys.readouterr().out
    assert [row.num_frames for row in read_manifest(manifest)] == [6]
    (tmp_path / "run" / "bad.mp4").write_text("no video")
    with pytest.raises(SystemExit) as end:
        main(command)
    assert end.value.code == 1
    shown = capsys.readouterr().out
    assert "bad.mp4" in shown
    assert "no video file" in shown
    assert "1 were known from before" in shown


def test_a_source_that_is_not_there_is_one_sentence(capsys, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as end:
        main(["data", "scan", str(tmp_path / "nowhere")])
    assert end.value.code == 2
    assert capsys.readouterr().err.strip().startswith("error: ")


def test_show_draws_the_clips_of_training(capsys, motion_folder: Path, tmp_path: Path) -> None:
    picture = tmp_path / "clips.png"
    command = f"data show {motion_folder} --output {picture} --model x3d_tiny --clips 2"
    main(command.split())
    assert f"{picture} shows 0" in capsys.readouterr().out
    with Image.open(picture) as shown:
        assert shown.height > 150
    with pytest.raises(SystemExit):
        main([*command.split(), "--clips", "0"])
    assert "error: clips is 0" in capsys.readouterr().err


def test_a_store_is_packed_verified_and_unpacked(capsys, tmp_path: Path) -> None:
    source = write_videos(tmp_path / "videos")
    store = tmp_path / "a.ptvpack"
    main(["data", "pack", str(source), str(store), "--num-workers", "1"])
    shown = capsys.readouterr().out
    assert "4 videos are packed, 2 left out; 0 were packed before" in shown
    assert "text.mp4" in shown
    main(["data", "verify", str(store)])
    assert "all 4 videos are as they were written" in capsys.readouterr().out
    main(["data", "unpack", str(store), str(tmp_path / "out")])
    found = sorted(path.relative_to(tmp_path / "out") for path in tmp_path.glob("out/*/*"))
    names = ["run/000000_a.mp4", "run/000001_b.mp4", "sit/000002_c.mp4", "sit/000003_d.mp4"]
    assert found == [Path(name) for name in names]
    shard = store / "shard-00000.bin"
    shard.write_bytes(shard.read_bytes()[:-1] + b"?")
    with pytest.raises(SystemExit) as end:
        main(["data", "verify", str(store)])
    assert end.value.code == 1
    assert "d.avi" in capsys.readouterr().out


def test_profile_names_what_limits(capsys, motion_folder: Path) -> None:
    command = f"data profile {motion_folder} --model x3d_tiny --batch-size 2 --num-workers 0"
    main([*command.split(), "--seconds", "0.3"])
    shown = capsys.readouterr().out
    for stage in (*STAGES, "sum"):
        assert stage in shown
    assert re.search(r"\d+ clips in \d\.\d s by 1 process: \d+\.\d clips a second", shown)
    limiting = re.search(r"Limiting: (.+?)\. (.+)", shown)
    assert limiting and ADVICE[limiting[1]].startswith(limiting[2])


def test_names_that_a_screen_cannot_show_are_named_and_the_rest_goes_on(
    capsys, tmp_path: Path
) -> None:
    (tmp_path / "v" / "run").mkdir(parents=True)
    content = Path(write_video(tmp_path / "a.mp4", frames=3)).read_bytes()
    for name in ("caf\udce9.mp4", "12:30.MOV", "[b].mp4"):
        (tmp_path / "v" / "run" / name).write_bytes(content)
    for name in ("bad\udce9.mp4", "[bold].mp4", "two\nlines.mp4"):
        (tmp_path / "v" / "run" / name).write_bytes(b"no video")
    store = tmp_path / "s.ptvpack"
    main(["data", "pack", str(tmp_path / "v"), str(store), "--num-workers", "1"])
    shown = capsys.readouterr().out
    assert "3 videos are packed, 3 left out" in shown
    for name in ("bad\\udce9.mp4", "[bold].mp4", "two\\nlines.mp4"):
        assert name in shown
    main(["data", "unpack", str(store), str(tmp_path / "out")])
    assert "3 videos are in" in capsys.readouterr().out
    found = sorted(path.name for path in (tmp_path / "out" / "run").iterdir())
    assert found == ["000000_12_30.mp4", "000001_[b].mp4", "000002_caf_.mp4"]


def test_unpack_names_what_it_cannot_write_and_goes_on(capsys, tmp_path: Path) -> None:
    source = write_videos(tmp_path / "videos")
    store = tmp_path / "a.ptvpack"
    main(["data", "pack", str(source), str(store), "--num-workers", "1"])
    shard = store / "shard-00000.bin"
    data = bytearray(shard.read_bytes())
    data[:8] = b"damaged!"
    shard.write_bytes(data)
    with pytest.raises(SystemExit) as end:
        main(["data", "unpack", str(store), str(tmp_path / "out")])
    assert end.value.code == 1
    shown = capsys.readouterr().out
    assert "a.mp4" in shown and "left out: the table of its packets is damaged" in shown
    assert "3 videos are in" in shown and "1 are left out" in shown
    assert len(list(tmp_path.glob("out/*/*.mp4"))) == 3
