"""Ways of loading clips, ours and others', each run in a process of its own by `loader.py`.

A peer is made in its process with the corpus's folder; called with a list of jobs, it loads them,
one batch after the other, and gives how many there were.
"""

import gc
import importlib
import json
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader

from pytorchvideo_clone.data import (
    ClipDataset,
    ClipInfo,
    ClipSampler,
    LabeledVideoPaths,
    make_loader,
)
from pytorchvideo_clone.hub import InputSpec
from pytorchvideo_clone.recipes.inputs import evaluation_dataset, keep_frames, normalize_clips
from pytorchvideo_clone.transforms import ClipTransform

MEAN, STD = (0.45, 0.45, 0.45), (0.225, 0.225, 0.225)
FRAMES, WINDOW, FPS, SIZE, SCALE = 16, 64, 30, 224, (256, 320)
SPAN = Fraction(WINDOW, FPS)
CLIPS, CROPS, TEST_SIZE = 10, 3, 256
BATCH = 4
Job = dict[str, Any]  # "video": path below the corpus, "start": (numerator, denominator)
Peer = Callable[[list[Job]], int]


class GivenClip(ClipSampler):
    """The clip that a job asks for."""

    samples_per_video = 1

    def __call__(self, last_end: Any, duration: Any, annotation: Any) -> ClipInfo:
        """Ignore all but the annotation."""
        start = Fraction(*annotation["start"])
        return ClipInfo(start, start + SPAN, 0, 0, True)


def picked(count: int = WINDOW) -> list[int]:
    """Places of 16 of so many frames, evenly spread, as PyTorchVideo chooses them."""
    return torch.linspace(0, count - 1, FRAMES).long().tolist()


def transform(floats: bool) -> ClipTransform:
    """The training transform, to float32 or bytes."""
    mean, std = (MEAN, STD) if floats else (None, None)
    return ClipTransform(SIZE, short_side=SCALE, mean=mean, std=std)


def ours(folder: Path, floats: bool = True, store: str = "", workers: int = 0) -> Peer:
    """The library as it is used: ClipDataset, a sampler, the transform, make_loader."""
    path = "{store}#{number}" if store else "{video}"

    def loader_of(jobs: list[Job]) -> Any:
        paths = [
            path.format(
                store=folder / store, number=Path(job["video"]).stem, video=folder / job["video"]
            )
            for job in jobs
        ]
        videos = [(p, {"label": 0, "start": j["start"]}) for p, j in zip(paths, jobs, strict=True)]
        dataset = ClipDataset(
            videos,
            GivenClip(SPAN),
            transform(floats),
            video_dtype=torch.uint8,
            frame_filter=partial(keep_frames, num_frames=FRAMES),
        )
        return make_loader(dataset, batch_of(workers), num_workers=workers, shuffle=False)

    return Loaders(loader_of, keep=workers > 0)


class Loaders:
    """Load jobs; with worker processes, these live through all rounds of the same jobs."""

    def __init__(self, loader_of: Callable[[list[Job]], Any], keep: bool) -> None:
        self.loader_of, self.keep = loader_of, keep
        self.kept: dict[str, Any] = {}

    def __call__(self, jobs: list[Job]) -> int:
        """Take all batches."""
        if not self.keep:
            return count(self.loader_of(jobs))
        name = json.dumps(jobs)
        if name not in self.kept:
            self.kept = {name: self.loader_of(jobs)}
        return count(self.kept[name])


def batch_of(workers: int) -> int:
    """Clips of a batch."""
    return 8 if workers else BATCH


def count(loader: Any) -> int:
    """Take all batches."""
    return sum(len(batch["video"]) for batch in loader)


class Jobs:
    """A data set of jobs, each loaded by a function to (T, H, W, 3) bytes."""

    def __init__(self, jobs: list[Job], read: Callable[[Job], torch.Tensor]) -> None:
        self.jobs, self.read, self.transform = jobs, read, transform(floats=True)

    def __len__(self) -> int:
        return len(self.jobs)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Read and transform, with our transform."""
        clip = self.read(self.jobs[index]).permute(3, 0, 1, 2)
        return {"video": self.transform(clip), "label": 0}


def first_frame(job: Job) -> int:
    """The first frame of a job's window; starts lie between two frames."""
    return -int(-Fraction(*job["start"]) * FPS // 1)


def decord(folder: Path) -> Peer:
    """Take decord's get_batch, in one thread, with our transform."""
    import decord

    def read(job: Job) -> torch.Tensor:
        reader = decord.VideoReader(str(folder / job["video"]), num_threads=1)
        batch = reader.get_batch([first_frame(job) + place for place in picked()])
        return torch.from_numpy(batch.asnumpy())

    return lambda jobs: count(DataLoader(Jobs(jobs, read), BATCH))


def torchcodec(folder: Path) -> Peer:
    """Take TorchCodec's get_frames_at in its exact mode, in one thread, with our transform."""
    from torchcodec.decoders import VideoDecoder

    def read(job: Job) -> torch.Tensor:
        path = str(folder / job["video"])
        video = VideoDecoder(path, dimension_order="NHWC", num_ffmpeg_threads=1, seek_mode="exact")
        return video.get_frames_at([first_frame(job) + place for place in picked()]).data

    return lambda jobs: count(DataLoader(Jobs(jobs, read), BATCH))


def floor(folder: Path) -> Peer:
    """Decode what the wanted frames build on, and nothing else: no conversion, no clip."""
    import av

    def read(job: Job) -> None:
        with av.open(str(folder / job["video"])) as file:
            stream = file.streams.video[0]
            codec = stream.codec_context
            codec.thread_type, codec.thread_count = "SLICE", 1
            ticks = 1 / (FPS * stream.time_base)
            wanted = {int((first_frame(job) + place) * ticks) for place in picked()}
            file.seek(min(wanted), stream=stream)
            packets = []
            for packet in file.demux(stream):
                if packet.dts is None or packet.dts > max(wanted):
                    break
                packets.append(packet)
            for packet in [*packets, None]:
                needed = packet is None or packet.pts in wanted
                codec.skip_frame = "DEFAULT" if needed else "NONREF"
                wanted -= {frame.pts for frame in codec.decode(packet)}
                if not wanted:
                    return
            assert not wanted, "the floor must decode what is wanted"

    def load(jobs: list[Job]) -> int:
        for job in jobs:
            read(job)
        return len(jobs)

    return load


def collect(clip: torch.Tensor) -> torch.Tensor:
    """Look through the whole heap for garbage."""
    gc.collect()
    return clip


def _import_pytorchvideo() -> None:
    import torchvision.transforms._functional_tensor as functional_tensor

    sys.modules["torchvision.transforms.functional_tensor"] = functional_tensor
    import pytorchvideo.data  # noqa: F401 (the rest of it imports then)


def pytorchvideo(folder: Path, collects: bool = False, workers: int = 0) -> Peer:
    """Take PyTorchVideo's LabeledVideoDataset with the transforms of its tutorial.

    The wheel of 0.1.5 never calls `gc.collect`; later sources do after each video, as with
    `collects`.
    """
    _import_pytorchvideo()
    module = importlib.import_module("pytorchvideo.data.labeled_video_dataset")
    from pytorchvideo.data.clip_sampling import ClipInfo as TheirInfo
    from pytorchvideo.data.clip_sampling import ClipSampler as TheirSampler
    from pytorchvideo.transforms import (
        ApplyTransformToKey,
        Normalize,
        RandomShortSideScale,
        UniformTemporalSubsample,
    )
    from torchvision.transforms import Compose, Lambda, RandomCrop, RandomHorizontalFlip

    class Given(TheirSampler):
        def __call__(self, last_end: Any, duration: Any, annotation: Any) -> Any:
            start = Fraction(*annotation["start"])
            return TheirInfo(start, start + SPAN, 0, 0, True)

    chain = Compose(
        [
            UniformTemporalSubsample(FRAMES),
            Lambda(lambda x: x / 255.0),
            Normalize(MEAN, STD),
            RandomShortSideScale(*SCALE),
            RandomCrop(SIZE),
            RandomHorizontalFlip(0.5),
            *([Lambda(collect)] if collects else []),
        ]
    )

    def loader_of(jobs: list[Job]) -> Any:
        videos = [(str(folder / job["video"]), {"label": 0, "start": job["start"]}) for job in jobs]
        dataset = module.LabeledVideoDataset(
            videos,
            Given(SPAN),
            video_sampler=torch.utils.data.SequentialSampler,
            transform=ApplyTransformToKey("video", chain),
            decode_audio=False,
        )
        return DataLoader(
            dataset, batch_of(workers), num_workers=workers, persistent_workers=workers > 0
        )

    return Loaders(loader_of, keep=workers > 0)


SPEC = InputSpec(
    num_frames=FRAMES,
    sampling_rate=WINDOW // FRAMES,
    side=TEST_SIZE,
    crop=SIZE,
    train_side=SCALE,
    test_crop=TEST_SIZE,
    test_clips=CLIPS,
    test_crops=CROPS,
    mean=MEAN,
    std=STD,
)


def our_views(folder: Path) -> Peer:
    """All clips and crops of a video, as `evaluate` loads them."""
    return lambda jobs: sum(len(views) for views in _our_views(folder, jobs))


def _our_views(folder: Path, jobs: list[Job]) -> Iterator[torch.Tensor]:
    """(clips x crops, C, T, H, W) bytes of each video."""
    paths = LabeledVideoPaths([(str(folder / job["video"]), 0) for job in jobs])
    dataset = evaluation_dataset(paths, SPEC)
    loader = make_loader(dataset, CLIPS, num_workers=0, shuffle=False)
    for batch in loader:
        yield batch["video"].flatten(0, 1)


def pytorchvideo_views(folder: Path) -> Peer:
    """PyTorchVideo: every clip decoded by itself, the transform run for every crop."""
    return lambda jobs: sum(len(views) for views in _pytorchvideo_views(folder, jobs))


def _pytorchvideo_views(folder: Path, jobs: list[Job]) -> Iterator[torch.Tensor]:
    """(clips x crops, C, T, H, W) normalised floats of each video."""
    _import_pytorchvideo()
    from pytorchvideo.data.encoded_video import EncodedVideo
    from pytorchvideo.transforms import Normalize, ShortSideScale, UniformTemporalSubsample
    from pytorchvideo.transforms.functional import uniform_crop
    from torchvision.transforms import Compose, Lambda

    subsample, scale = UniformTemporalSubsample(FRAMES), ShortSideScale(TEST_SIZE)
    chain = Compose([subsample, Lambda(lambda x: x / 255.0), Normalize(MEAN, STD), scale])
    for job in jobs:
        video = EncodedVideo.from_path(str(folder / job["video"]), decode_audio=False)
        rest = Fraction(video.duration) - SPAN
        views = []
        for number in range(CLIPS):
            start = rest * Fraction(number, CLIPS - 1)
            clip = video.get_clip(start, start + SPAN)["video"]
            views += [uniform_crop(chain(clip), TEST_SIZE, place) for place in range(CROPS)]
        video.close()
        yield torch.stack(views)


def largest_difference(folder: Path, job: Job) -> float:
    """How far the views of a video differ from PyTorchVideo's, in units of its input."""
    [mine], [theirs] = _our_views(folder, [job]), _pytorchvideo_views(folder, [job])
    return float((normalize_clips(mine, SPEC) - theirs).abs().max())


PEERS: dict[str, Callable[[Path], Peer]] = {
    "PyTorchVideo": pytorchvideo,
    "PyTorchVideo, gc.collect": partial(pytorchvideo, collects=True),
    "decord": decord,
    "TorchCodec": torchcodec,
    "floor": floor,
    "ours": ours,
    "ours, uint8": partial(ours, floats=False),
    "ours, h264 store": partial(ours, store="h264.ptvpack"),
    "ours, h264 store, uint8": partial(ours, floats=False, store="h264.ptvpack"),
    "ours, jpeg store": partial(ours, store="jpeg.ptvpack"),
    "ours, jpeg store, uint8": partial(ours, floats=False, store="jpeg.ptvpack"),
    "PyTorchVideo, views": pytorchvideo_views,
    "ours, views": our_views,
    "PyTorchVideo, 2 workers": partial(pytorchvideo, workers=2),
    "ours, h264 store, uint8, 2 workers": partial(
        ours, floats=False, store="h264.ptvpack", workers=2
    ),
    "ours, jpeg store, uint8, 2 workers": partial(
        ours, floats=False, store="jpeg.ptvpack", workers=2
    ),
}
