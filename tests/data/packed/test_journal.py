import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from pytorchvideo_clone.data.packed.encode import PackedVideoBytes
from pytorchvideo_clone.data.packed.journal import Journal

PLAN = {"version": 1}


def test_what_was_written_is_known_to_the_next(tmp_path: Path) -> None:
    with Journal(tmp_path, PLAN) as journal:
        journal.add(PackedVideoBytes(b"abc", 1, 0.5), shard_bytes=5)
        journal.add("it is empty", shard_bytes=5)
        journal.add(PackedVideoBytes(b"defg", 2, 0.5), shard_bytes=5)
    with Journal(tmp_path, PLAN) as journal:
        assert [row.get("shard", row.get("cause")) for row in journal.rows] == [0, "it is empty", 1]
        journal.add(PackedVideoBytes(b"h", 3, 0.5), shard_bytes=5)
    assert (tmp_path / "shard-00000.bin").read_bytes() == b"abc"
    assert (tmp_path / "shard-00001.bin").read_bytes() == b"defgh"


def test_what_was_half_written_is_forgotten(tmp_path: Path) -> None:
    with Journal(tmp_path, PLAN) as journal:
        journal.add(PackedVideoBytes(b"abc", 1, 0.5), shard_bytes=5)
    with (tmp_path / "unfinished.jsonl").open("a") as file:
        file.write('{"shard": 0, "offs')
    (tmp_path / "shard-00000.bin").write_bytes(b"abcde")
    (tmp_path / "shard-00001.bin").write_bytes(b"f")
    with Journal(tmp_path, PLAN) as journal:
        assert len(journal.rows) == 1
    assert [file.name for file in sorted(tmp_path.glob("*.bin"))] == ["shard-00000.bin"]
    assert (tmp_path / "shard-00000.bin").read_bytes() == b"abc"


@pytest.mark.parametrize("line", [0, 1, 2])
@pytest.mark.parametrize("zeros", [True, False])
def test_a_journal_is_taken_up_to_what_is_damaged(line: int, zeros: bool, tmp_path: Path) -> None:
    with Journal(tmp_path, PLAN) as journal:
        journal.add(PackedVideoBytes(b"abc", 1, 0.5), shard_bytes=9)
        journal.add(PackedVideoBytes(b"de", 2, 0.5), shard_bytes=9)
    lines = (tmp_path / "unfinished.jsonl").read_bytes().splitlines()
    lines[line] = bytes(len(lines[line])) if zeros else b"[1]"
    (tmp_path / "unfinished.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    with Journal(tmp_path, PLAN) as journal:
        assert len(journal.rows) == max(0, line - 1)
        for content, crc32 in [(b"abc", 1), (b"de", 2)][len(journal.rows) :]:
            journal.add(PackedVideoBytes(content, crc32, 0.5), shard_bytes=9)
    assert (tmp_path / "shard-00000.bin").read_bytes() == b"abcde"


def test_another_plan_is_refused(tmp_path: Path) -> None:
    with Journal(tmp_path, PLAN):
        pass
    with pytest.raises(ValueError, match="was begun with another list"), Journal(tmp_path, {}):
        pass


def test_a_record_that_did_not_reach_the_disk_is_packed_again(tmp_path: Path) -> None:
    with Journal(tmp_path, PLAN) as journal:
        journal.add(PackedVideoBytes(b"abc", 1, 0.5), shard_bytes=5)
        journal.add(PackedVideoBytes(b"de", 2, 0.5), shard_bytes=5)
    (tmp_path / "shard-00000.bin").write_bytes(b"abcd")
    with Journal(tmp_path, PLAN) as journal:
        assert len(journal.rows) == 1
        journal.add(PackedVideoBytes(b"fg", 2, 0.5), shard_bytes=5)
    assert (tmp_path / "shard-00000.bin").read_bytes() == b"abcfg"


def test_two_processes_do_not_pack_into_one_folder(tmp_path: Path) -> None:
    with ProcessPoolExecutor(1, multiprocessing.get_context("forkserver")) as other:
        with (
            Journal(tmp_path, PLAN),
            pytest.raises(ValueError, match="another process is packing into"),
        ):
            other.submit(enter_journal, tmp_path).result()
        assert other.submit(enter_journal, tmp_path).result() == []


def enter_journal(folder: Path) -> list[dict]:
    with Journal(folder, PLAN) as journal:
        return journal.rows
