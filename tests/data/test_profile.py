import io
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from iopath.common.file_io import PathHandler, g_pathmgr

from pytorchvideo_clone.data import ClipDataset, LabeledVideoDataset, RandomClipSampler, make_loader
from pytorchvideo_clone.data.profile import ADVICE, profile_loader
from pytorchvideo_clone.data.stages import STAGES
from tests.data.coded_video import write_video
from tests.data.packed.stores import make_store


def slow(sample: dict[str, Any], seconds: float) -> dict[str, Any]:
    time.sleep(seconds)
    return {"video": sample["video"]}


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, dict[str, int]]]:
    folder = tmp_path_factory.mktemp("videos")
    paths = [write_video(folder / f"{number}.mp4", 30, noise=20) for number in range(8)]
    return [(path, {"label": 0}) for path in paths]


def clips_of(videos: Any, seconds: float = 0, **options: Any) -> ClipDataset:
    return ClipDataset(videos, RandomClipSampler(0.3), partial(slow, seconds=seconds), **options)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_slow_transform_is_named(videos: Any, num_workers: int) -> None:
    loader = make_loader(clips_of(videos, 0.03), 2, num_workers=num_workers)
    profile = profile_loader(loader, seconds=0.6)
    assert profile.limiting == "transform"
    assert profile.advice == ADVICE["transform"]
    assert profile.processes == max(1, num_workers)
    spent = profile.stages
    assert list(spent) == list(STAGES)
    assert 0.03 <= spent["transform"].wall_sec / profile.clips < 0.06
    assert spent["transform"].cpu_sec < spent["transform"].wall_sec / 3  # it sleeps
    assert all(spent[name].wall_sec > 0 for name in STAGES)
    # All that the processes do is in one stage or another.
    whole = profile.seconds * profile.processes
    assert sum(one.wall_sec for one in spent.values()) == pytest.approx(whole, rel=0.25)
    # Afterwards it loads as ever.
    assert sum(len(batch["video"]) for batch in loader) == 8


class SlowHandler(PathHandler):
    """Local files from which every piece takes a hundredth of a second."""

    def _get_supported_prefixes(self) -> list[str]:
        return ["slow://"]

    def _open(self, path: str, mode: str = "r", buffering: int = -1, **_: Any) -> Any:
        return SlowFile(Path(path.removeprefix("slow://")).read_bytes())

    def _isfile(self, path: str, **_: Any) -> bool:
        return True

    def _exists(self, path: str, **_: Any) -> bool:
        return True

    def _isdir(self, path: str, **_: Any) -> bool:
        return False


class SlowFile(io.BytesIO):
    def read(self, *size: Any) -> bytes:
        time.sleep(0.02)
        return super().read(*size)


def test_a_slow_source_is_named(videos: Any) -> None:
    g_pathmgr.register_handler(SlowHandler(), allow_override=True)
    far = [(f"slow://{path}", info) for path, info in videos]
    profile = profile_loader(make_loader(clips_of(far), 1, num_workers=0), seconds=0.5)
    assert profile.limiting in {"open", "demux"}
    assert "local disk" in ADVICE["open"]


@pytest.mark.parametrize("codec", ["h264", "jpeg"])
def test_stores_are_measured(codec: str, tmp_path: Path) -> None:
    store = make_store(tmp_path, codec)
    dataset = clips_of([(f"{store}#{number}", {}) for number in (0, 1)], video_dtype=torch.uint8)
    spent = profile_loader(make_loader(dataset, 1, num_workers=0), seconds=0.2).stages
    measured = {name for name, one in spent.items() if one.wall_sec > 0}
    assert {"open", "demux", "decode", "transform", "collate", "hand-over"} <= measured


@pytest.mark.parametrize("decoder", ["torchcodec", "decord"])
def test_other_decoders_are_measured(decoder: str, videos: Any) -> None:
    pytest.importorskip(decoder)
    loader = make_loader(clips_of(videos, decoder=decoder), 1, num_workers=0)
    spent = profile_loader(loader, seconds=0.2).stages
    assert min(spent[name].wall_sec for name in ("open", "demux", "decode")) > 0


def test_iterable_data_sets_are_measured(videos: Any) -> None:
    dataset = LabeledVideoDataset(
        videos, RandomClipSampler(0.3), transform=partial(slow, seconds=0.02), decode_audio=False
    )
    profile = profile_loader(make_loader(dataset, None, num_workers=0), seconds=0.3)
    assert profile.limiting == "transform"
    assert profile.stages["decode"].wall_sec > 0


def test_the_table_adds_up(videos: Any) -> None:
    profile = profile_loader(make_loader(clips_of(videos), 2, num_workers=0), seconds=0.2)
    *rows, (name, *_, share) = profile.rows()
    assert (name, share) == ("sum", "100.0 %")
    assert [row[0] for row in rows] == list(STAGES)
    assert sum(float(row[3].removesuffix(" %")) for row in rows) == pytest.approx(100, abs=0.5)
    assert profile.clips_per_second == profile.clips / profile.seconds


def test_what_cannot_be_measured_is_refused(videos: Any) -> None:
    loader = make_loader(clips_of(videos), 8, num_workers=1)
    with pytest.raises(ValueError, match="seconds is 0; it must be positive"):
        profile_loader(loader, 0)
    iterator = iter(loader)
    next(iterator)
    with pytest.raises(ValueError, match="profile it before it is used"):
        profile_loader(loader, 1)
