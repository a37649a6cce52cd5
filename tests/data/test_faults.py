import json
import logging
import os
import tempfile
import threading
import time
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader, SequentialSampler

from pytorchvideo_clone.data import (
    ClipDataset,
    ConstantClipsPerVideoSampler,
    EncodedVideo,
    EpochSampler,
    Faults,
    LabeledVideoDataset,
    RandomClipSampler,
    RandomMultiClipSampler,
    UniformClipSampler,
    VideoPathHandler,
    VideoReadError,
)
from pytorchvideo_clone.data.faults import Fault, FaultLog, FaultReport, read_within
from tests.data.coded_video import numbers, write_video

# torch warns about more workers than cores.
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")

HALF = Fraction(1, 2)
BAD = ("text.mp4", "empty.mp4", "gone.mp4")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Four good videos, a text, an empty file, and one whose last part is zeros."""
    root = tmp_path_factory.mktemp("videos")
    for name in "abcd":
        write_video(root / f"{name}.mp4", 20, 10)
    (root / "text.mp4").write_text("this is no video")
    (root / "empty.mp4").touch()
    options = {"options": {"g": "5", "bf": "0"}, "container_options": {"movflags": "faststart"}}
    torn = Path(write_video(root / "torn.mp4", 20, 10, **options))
    content = torn.read_bytes()
    begin = content.index(b"mdat") + 4
    keep = begin + 7 * (len(content) - begin) // 10
    torn.write_bytes(content[:keep] + bytes(len(content) - keep))
    return root


def listing(folder: Path, *names: str) -> list:
    return [(str(folder / name), {"label": number}) for number, name in enumerate(names)]


def mixed(folder: Path, sampler=None, faults="substitute", **options) -> ClipDataset:
    """Good videos at 0, 2, 4, 6; bad ones between them."""
    names = ("a.mp4", "text.mp4", "b.mp4", "empty.mp4", "c.mp4", "gone.mp4", "d.mp4")
    sampler = sampler or RandomClipSampler(HALF)
    return ClipDataset(listing(folder, *names), sampler, faults=faults, **options)


def test_raise_is_the_default(folder):
    dataset = ClipDataset(listing(folder, "text.mp4"), RandomClipSampler(HALF))
    with pytest.raises(VideoReadError, match=r"text\.mp4"):
        dataset[0]
    assert len(dataset.fault_log.report()) == 0


def test_a_substitute_is_a_clip_of_another_video_that_chance_chooses(folder):
    dataset = mixed(folder)
    samples = [dataset[index] for index in range(7)]
    assert [s["video_index"] for s in samples[::2]] == [0, 2, 4, 6]
    assert {s["video_index"] for s in samples[1::2]} <= {0, 2, 4, 6}
    assert all(s["label"] == s["video_index"] for s in samples)
    again = mixed(folder)
    for index in (5, 1, 3):
        assert again[index]["video_index"] == samples[index]["video_index"]
        assert torch.equal(again[index]["video"], samples[index]["video"])
    drawn = set()
    for epoch in range(8):
        dataset.set_epoch(epoch)
        drawn.add(dataset[1]["video_index"])
    assert len(drawn) > 1


def test_a_substitute_is_another_clip_than_that_of_its_own_video(folder):
    dataset = ClipDataset(
        listing(folder, "a.mp4", "text.mp4"), RandomClipSampler(HALF), faults="substitute"
    )
    clips = []
    for epoch in range(6):
        dataset.set_epoch(epoch)
        clips.append((numbers(dataset[0]["video"]), numbers(dataset[1]["video"])))
    assert any(own != instead for own, instead in clips)


def test_the_report_names_every_bad_file_once_with_its_cause(folder):
    dataset = mixed(folder, ConstantClipsPerVideoSampler(HALF, 3))
    assert len(dataset) == 21
    assert all(sample["video"] is not None for sample in dataset)
    report = dataset.fault_log.report()
    assert sorted(Path(path).name for path in report.causes) == sorted(BAD)
    by_name = {Path(path).name: cause for path, cause in report.causes.items()}
    assert "empty" in by_name["empty.mp4"]
    assert "no such file" in by_name["gone.mp4"]
    assert min(report.counts.values()) >= 3
    assert str(report).startswith("3 videos could not be read, or only in part")
    assert report.faults[0].backend == "pyav"


def test_a_video_that_is_tried_in_vain_is_not_tried_again_for_the_same_sample(folder):
    names = ("text.mp4", "empty.mp4", "gone.mp4", "a.mp4")
    dataset = ClipDataset(listing(folder, *names), RandomClipSampler(HALF), faults="substitute")
    for epoch in range(5):
        dataset.set_epoch(epoch)
        assert [dataset[index]["video_index"] for index in range(3)] == [3, 3, 3]
        for index in range(3):
            paths = [f.path for f in dataset.fault_log.report(epoch).faults if f.index == index]
            assert len(paths) == len(set(paths))


@pytest.mark.parametrize("faults", ["substitute", Faults("substitute", attempts=1)])
def test_no_video_that_can_be_read_is_an_error(folder, faults):
    dataset = ClipDataset(listing(folder, *BAD), RandomClipSampler(HALF), faults=faults)
    tried = 2 if faults == "substitute" else 1
    with pytest.raises(VideoReadError, match=f"nor can any of {tried} other videos") as caught:
        dataset[0]
    assert caught.value.path.endswith("text.mp4")


def test_a_substitute_keeps_within_samplers_that_depend_on_the_length(folder):
    dataset = mixed(folder, UniformClipSampler(HALF))
    assert len(dataset) == 4 * 4 + 3
    assert {sample["video_index"] for sample in dataset} == {0, 2, 4, 6}


def test_pad_gives_the_good_frames_of_a_torn_file_and_says_which(folder):
    dataset = ClipDataset(listing(folder, "torn.mp4"), UniformClipSampler(2), faults="pad")
    sample = dataset[0]
    mask = sample["frame_mask"]
    assert sample["valid"] is True
    assert mask.shape == (20,)
    assert 5 <= int(mask.sum()) < 20
    shown = numbers(sample["video"])
    assert [n for n, good in zip(shown, mask, strict=True) if good] == [
        n for n, good in enumerate(mask) if good
    ]
    (cause,) = dataset.fault_log.report().causes.values()
    assert cause == f"{20 - int(mask.sum())} of 20 frames are damaged"


def first_four(indices):
    return indices[:4]


def test_pad_fills_batches_where_nothing_can_be_read(folder):
    dataset = mixed(
        folder,
        ConstantClipsPerVideoSampler(HALF, 2),
        Faults("pad", blank=(10, 48, 64)),
        frame_filter=first_four,
        video_dtype=torch.uint8,
    )
    (batch,) = DataLoader(dataset, batch_size=14)
    assert batch["video"].shape == (14, 3, 4, 48, 64)
    assert batch["video"].dtype == torch.uint8
    assert batch["valid"].tolist() == [True, True, False, False] * 3 + [True, True]
    assert batch["frame_mask"].all(1).tolist() == batch["valid"].tolist()
    assert batch["clip_index"].tolist() == [0, 1] * 7
    assert batch["video_name"][2] == "text.mp4"
    assert not batch["video"][2].any()


def test_pad_works_for_several_clips_in_a_sample(folder):
    dataset = mixed(folder, RandomMultiClipSampler(HALF, 2), "pad")
    assert [mask.tolist() for mask in dataset[0]["frame_mask"]] == [[True] * 5] * 2
    assert [mask.any().item() for mask in dataset[1]["frame_mask"]] == [False, False]
    assert dataset[1]["video"][0].shape == (3, 15, 256, 256)


def test_padding_of_the_plan_stays_invalid(folder):
    dataset = mixed(folder, faults="pad")
    sampler = EpochSampler(dataset, shuffle=False, rank=1, world_size=2)
    assert [dataset[index]["valid"] for index in sampler] == [False, False, False, False]
    assert [dataset[int(index)]["valid"] for index in sampler] == [False, False, False, True]


@pytest.mark.parametrize("context", ["fork", "forkserver"])
def test_workers_tell_the_main_process(folder, context, caplog):
    dataset = mixed(folder)
    loader = DataLoader(
        dataset,
        batch_size=None,
        num_workers=2,
        persistent_workers=True,
        multiprocessing_context=context,
    )
    for epoch in range(2):
        dataset.set_epoch(epoch)
        assert len(list(loader)) == 7
        assert len(dataset.fault_log.report(epoch)) == 3
    assert caplog.text.count("Epoch 0: 3 videos could not be read") == 1
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        dataset.set_epoch(2)
        dataset.set_epoch(2)
        dataset.fault_log.log_once(1)
    assert caplog.text.count("Epoch 1: 3 videos could not be read") == 1


def test_the_log_goes_with_its_data_set(folder):
    log = FaultLog()
    log.add(VideoReadError("gone", "a.mp4", time=Fraction(1, 2)), epoch=0)
    (fault,) = log.report().faults
    assert (fault.time, fault.index) == (0.5, -1)
    path = Path(log._path)
    assert path.exists()
    copy = FaultLog.__new__(FaultLog)
    copy.__dict__.update(log.__dict__)
    del log
    assert not path.exists()
    copy.add(VideoReadError("gone", "a.mp4"), epoch=0)
    assert len(copy.report()) == 0


def test_a_long_report_is_cut():
    faults = tuple(Fault(f"{n:02}.mp4", "gone", "", None, 0, n) for n in range(25))
    lines = str(FaultReport(faults)).splitlines()
    assert len(lines) == 22
    assert lines[-1] == "  and 5 more"
    assert str(FaultReport()) == "all videos could be read"


def test_wrong_settings_are_refused(folder):
    for wrong in ("ignore", "Pad"):
        with pytest.raises(ValueError, match="'raise', 'skip', 'substitute', 'pad'"):
            mixed(folder, faults=wrong)
    with pytest.raises(ValueError, match="every index has its sample"):
        mixed(folder, faults="skip")
    with pytest.raises(ValueError, match="needs decode_video"):
        mixed(folder, faults="pad", decode_video=False, decode_audio=True)
    with pytest.raises(ValueError, match="positive"):
        Faults(time_limit_sec=0)
    with pytest.raises(ValueError, match="map_style"):
        LabeledVideoDataset(listing(folder, "a.mp4"), RandomClipSampler(1), faults="substitute")


class Direct(VideoPathHandler):
    """Opens whatever a path names, pipes too."""

    def video_from_path(self, filepath, **options):
        if Path(filepath).is_fifo():
            return EncodedVideo(filepath, decode_audio=False)
        return super().video_from_path(filepath, **options)


@pytest.fixture
def pipe(tmp_path):
    """A file that hangs whoever opens it, until the test is over."""
    path = tmp_path / "pipe.mp4"
    os.mkfifo(path)
    yield path
    release = os.open(path, os.O_RDWR | os.O_NONBLOCK)  # a writer that leaves: the end of the file
    time.sleep(0.05)
    os.close(release)
    for thread in threading.enumerate():
        if thread.name.startswith("read "):
            thread.join(5)
            assert not thread.is_alive()


def test_a_file_that_hangs_is_named(pipe):
    dataset = ClipDataset(
        [(str(pipe), {})], RandomClipSampler(HALF), faults=Faults(time_limit_sec=0.3)
    )
    dataset.video_path_handler = Direct()
    with pytest.raises(VideoReadError, match=r"longer than 0\.3 s") as caught:
        dataset[0]
    assert caught.value.path == str(pipe)
    begin = time.monotonic()
    with pytest.raises(VideoReadError, match="too long before"):
        dataset[0]
    assert time.monotonic() - begin < 0.2  # it is not opened again


@pytest.mark.parametrize("workers", [0, 2])
def test_a_file_that_hangs_is_substituted(folder, pipe, workers):
    videos = [*listing(folder, "a.mp4", "b.mp4"), (str(pipe), {"label": 2})]
    dataset = ClipDataset(
        videos, RandomClipSampler(HALF), faults=Faults("substitute", time_limit_sec=1)
    )
    dataset.video_path_handler = Direct()
    loader = DataLoader(
        dataset,
        batch_size=3,
        num_workers=workers,
        multiprocessing_context="fork" if workers else None,
    )
    (batch,) = loader
    assert batch["label"].tolist()[:2] == [0, 1]
    assert batch["label"][2] in (0, 1)
    assert list(dataset.fault_log.report().causes) == [str(pipe)]


def test_the_limit_leaves_results_and_errors_alone():
    def fail():
        raise TimeoutError("of the reader")

    assert read_within(5, "a", lambda: 3) == read_within(None, "a", lambda: 3) == 3
    with pytest.raises(TimeoutError, match="of the reader"):
        read_within(5, "a", fail)


def test_the_record_is_a_line_of_json(folder):
    dataset = mixed(folder)
    dataset[1]
    (line, *_) = Path(dataset.fault_log._path).read_text().splitlines()
    assert json.loads(line)["path"] == str(folder / "text.mp4")


def iterable(folder, *names: str, **options) -> LabeledVideoDataset:
    return LabeledVideoDataset(
        listing(folder, *names),
        options.pop("sampler", UniformClipSampler(HALF)),
        SequentialSampler,
        decode_audio=False,
        **options,
    )


def test_an_iterable_data_set_skips_and_reports(folder):
    dataset = iterable(folder, "text.mp4", "a.mp4", "gone.mp4", "b.mp4")
    assert [sample["label"] for sample in dataset] == [1] * 4 + [3] * 4
    causes = {Path(path).name: cause for path, cause in dataset.fault_log.report().causes.items()}
    assert sorted(causes) == ["gone.mp4", "text.mp4"]
    assert "not found" in causes["gone.mp4"]


def test_an_iterable_data_set_raises_at_the_first_failure_if_asked(folder):
    samples = iter(iterable(folder, "a.mp4", "text.mp4", faults="raise"))
    assert [next(samples)["label"] for _ in range(4)] == [0] * 4
    with pytest.raises(VideoReadError, match=r"text\.mp4"):
        next(samples)


def test_an_iterable_data_set_pads(folder):
    sampler = ConstantClipsPerVideoSampler(HALF, 2)
    dataset = iterable(folder, "text.mp4", "torn.mp4", "a.mp4", sampler=sampler, faults="pad")
    samples = list(dataset)
    assert [(s["label"], s["clip_index"], s["valid"]) for s in samples] == [
        (0, 0, False),
        (0, 1, False),
        (1, 0, True),
        (1, 1, False),
        (2, 0, True),
        (2, 1, True),
    ]
    assert [int(s["frame_mask"].sum()) for s in samples] == [0, 0, 5, 0, 5, 5]
    assert len(dataset.fault_log.report()) == 2


def test_the_policy_of_an_iterable_data_set_can_be_set_and_goes_to_its_numbered_samples(folder):
    dataset = iterable(folder, "text.mp4", "a.mp4", sampler=ConstantClipsPerVideoSampler(HALF, 1))
    assert [sample["label"] for sample in dataset] == [1]
    dataset.faults = Faults("pad", time_limit_sec=60)
    assert [sample["valid"] for sample in dataset] == [False, True]
    assert [sample["valid"] for sample in dataset.map_style()] == [False, True]
    assert dataset.map_style().faults == dataset.faults
    dataset.faults = Faults("skip", time_limit_sec=60)
    assert dataset.map_style().faults == Faults("raise", time_limit_sec=60)
    with pytest.raises(ValueError, match="map_style"):
        dataset.faults = "substitute"


def test_an_iterable_data_set_goes_on_after_a_file_that_hangs(folder, pipe):
    videos = [(str(pipe), {"label": 7}), *listing(folder, "a.mp4")]
    dataset = LabeledVideoDataset(
        videos,
        UniformClipSampler(HALF),
        SequentialSampler,
        faults=Faults("skip", time_limit_sec=0.5),
    )
    dataset.video_path_handler = Direct()
    assert [sample["label"] for sample in dataset] == [0] * 4
    assert list(dataset.fault_log.report().causes) == [str(pipe)]


@pytest.mark.parametrize("temporary", ["", "none"])
def test_no_room_for_temporary_files_loses_no_fault(temporary: str, tmp_path, monkeypatch) -> None:
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / temporary))
    log, limits = FaultLog(), resource.getrlimit(resource.RLIMIT_FSIZE)
    # No room in the second row, and then again.
    for cause, limit in (("first", limits[0]), ("second", 150), ("third", limits[0])):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
        log.add(VideoReadError(cause, "a.mp4"), epoch=0)
    assert sorted(fault.cause for fault in log.report().faults) == ["first", "second", "third"]
