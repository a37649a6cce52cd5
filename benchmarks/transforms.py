"""Claim: 10 times less work than PyTorchVideo's training transform, and a quarter of its memory.

And 1.2 times less work than any other library's. A window of 64 frames of 340x256, of which 16 are
kept; short side 256 to 320, crop 224, flip, normalise, to float32. PyTorchVideo gets 64 frames as
floats, as its data sets give them, the others the 16 frames as bytes. One thread; a round gives
every chain the same window in turn. The figure is CPU time, the ratio the median of those of each
round. Peak memory is that of a clip, frames included, in a process of its own for each chain. Where
there is a GPU, a batch of 32 clips on it is compared with a copy of as many bytes.

Claim: a project that only renames its imports does 1.3 times less work. PyTorchVideo's data set,
sampler and transforms, then ours under the same names, in one program: open, read 64 frames,
transform. PyTorchVideo's wheel of 0.1.5 is the one without `gc.collect`. With workers, the CPU time
of these counts. Before, both must give the same pixels where nothing is drawn.

    pip install --no-deps pytorchvideo
    python benchmarks/transforms.py [ROUNDS]
    python benchmarks/transforms.py --renamed [ROUNDS]    (the second claim alone)
"""

import functools
import importlib
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from corpus import FPS, write_video
from torch.utils.data import DataLoader

from pytorchvideo_clone.transforms import BatchTransform, ClipTransform

MEAN, STD = (0.45, 0.45, 0.45), (0.225, 0.225, 0.225)
WINDOW, FRAMES, HEIGHT, WIDTH, BATCH = 64, 16, 256, 340, 8
PACKAGES, VIDEOS = ("pytorchvideo", "pytorchvideo_clone"), 4
Chain = Callable[[torch.Tensor], torch.Tensor]


def window() -> torch.Tensor:
    """Smooth moving texture, (T, H, W, C) bytes, as a decoder writes them."""
    noise = torch.rand(1, 3, WINDOW // 8, HEIGHT // 8, WIDTH // 8)
    clip = torch.nn.functional.interpolate(noise, size=(WINDOW, HEIGHT, WIDTH), mode="trilinear")
    return clip[0].mul(255).byte().permute(1, 2, 3, 0).contiguous()


def kept(frames: torch.Tensor) -> torch.Tensor:
    """The 16 frames, (C, T, H, W), as our decoders hand them over: nothing else is converted."""
    places = torch.linspace(0, WINDOW - 1, FRAMES).long()
    return frames[places].permute(3, 0, 1, 2)


def ours_clip() -> Chain:
    """`ClipTransform`."""
    return ClipTransform(224, short_side=(256, 320), mean=MEAN, std=STD)


def ours_batch() -> Chain:
    """`BatchTransform` of 8 clips."""
    return BatchTransform(224, short_side=(256, 320), mean=MEAN, std=STD)


def pytorchvideo() -> Chain:
    """PyTorchVideo's training chain, as its classification tutorial writes it."""
    return tutorial_chain("pytorchvideo")


def tutorial_chain(package: str, draws: bool = True) -> Chain:
    """The chain of that tutorial from a package; without chance if nothing is to be drawn."""
    import torchvision.transforms as vision
    import torchvision.transforms._functional_tensor as functional_tensor

    sys.modules["torchvision.transforms.functional_tensor"] = functional_tensor
    transforms = importlib.import_module(f"{package}.transforms")
    return vision.Compose(
        [
            transforms.UniformTemporalSubsample(FRAMES),
            vision.Lambda(lambda x: x / 255.0),
            transforms.Normalize(MEAN, STD),
            transforms.RandomShortSideScale(min_size=256, max_size=320)
            if draws
            else transforms.ShortSideScale(288),
            vision.RandomCrop(224) if draws else vision.CenterCrop(224),
            vision.RandomHorizontalFlip(p=0.5 if draws else 1.0),
        ]
    )


def torchvision(antialias: bool = False) -> Chain:
    """Keep bytes as long as possible in torchvision v2."""
    from torchvision.transforms import v2

    chain = v2.Compose(
        [
            v2.RandomShortestSize(list(range(256, 321)), antialias=antialias),
            v2.RandomCrop(224),
            v2.RandomHorizontalFlip(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(MEAN, STD),
        ]
    )
    return lambda clip: chain(clip.transpose(0, 1)).transpose(0, 1)


def torchvision_antialias() -> Chain:
    """Do it with the antialiasing that it does unless told not to."""
    return torchvision(antialias=True)


def kornia() -> Chain:
    """Warp floats once, then flip and normalise."""
    import kornia.augmentation as augment

    chain = augment.VideoSequential(
        augment.RandomResizedCrop((224, 224), scale=(0.38, 0.6), ratio=(1.0, 1.0), p=1.0),
        augment.RandomHorizontalFlip(p=0.5),
        augment.Normalize(torch.tensor(MEAN), torch.tensor(STD), p=1.0),
        data_format="BCTHW",
        same_on_frame=True,
    )
    return lambda clip: chain(clip[None].float() / 255)[0]


CHAINS: dict[str, Callable[[], Chain]] = {
    function.__name__: function
    for function in (
        ours_clip,
        ours_batch,
        pytorchvideo,
        torchvision,
        torchvision_antialias,
        kornia,
    )
}


def prepare(name: str, frames: torch.Tensor) -> torch.Tensor:
    """What the loader of a chain hands to it; not part of what is timed."""
    if name == "pytorchvideo":
        return frames.permute(3, 0, 1, 2).float()
    clip = kept(frames)
    return torch.stack([clip] * BATCH) if name == "ours_batch" else clip


def per_clip(name: str) -> int:
    """Clips in one call."""
    return BATCH if name == "ours_batch" else 1


def held() -> float:
    """Peak resident memory of this process in MB."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def memory(name: str) -> float:
    """Peak MB of the frames that a chain is given and of all that it makes, for one clip."""
    torch.set_num_threads(1)
    chain, frames = CHAINS[name](), window()
    chain(prepare(name, frames[:, :64]))  # loads code
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # forgets the peak so far
    before = held()
    chain(prepare(name, frames))
    return (held() - before) / per_clip(name)


def on_device(device: str, count: int = 32) -> tuple[float, float]:
    """Give ms for a batch on a device, and for reading and writing its bytes alone."""
    transform = ours_batch()
    clips = torch.stack([kept(window())] * count).to(device)
    size = clips.numel() + 4 * count * 3 * FRAMES * 224 * 224  # bytes read, bytes written
    source = torch.empty(size // 2, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)

    def time_of(work: Callable[[], object]) -> float:
        times = []
        for _ in range(13):
            if device != "cpu":
                torch.cuda.synchronize()
            begin = time.perf_counter()
            work()
            if device != "cpu":
                torch.cuda.synchronize()
            times.append(1000 * (time.perf_counter() - begin))
        return statistics.median(times[3:])

    return time_of(lambda: transform(clips)), time_of(lambda: target.copy_(source))


def renamed(package: str, listed: Path, workers: int = 0, draws: bool = True) -> list[Any]:
    """Take all samples as a project does; only the name of the package differs.

    Without workers the clips of the first video in a row; with workers a random clip of each, as
    in PyTorchVideo's tutorial of training.
    """
    chain = tutorial_chain(package, draws)  # first, as it makes PyTorchVideo importable
    data = importlib.import_module(f"{package}.data")
    transforms = importlib.import_module(f"{package}.transforms")
    transform = transforms.ApplyTransformToKey(key="video", transform=chain)
    if workers:
        sampler = data.make_clip_sampler("random", WINDOW / FPS)
        dataset = data.Kinetics(str(listed), sampler, transform=transform, decode_audio=False)
        return list(DataLoader(dataset, batch_size=2, num_workers=workers))
    sampler = data.make_clip_sampler("uniform", WINDOW / FPS)
    paths = [(listed.read_text("utf-8").split()[0], {"label": 0})]
    return list(data.LabeledVideoDataset(paths, sampler, transform=transform, decode_audio=False))


def spent_by(work: Callable[[], list[Any]]) -> float:
    """CPU seconds a clip, in this process and those that it made and that have ended."""

    def spent() -> float:
        both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(used.ru_utime + used.ru_stime for used in both)

    begin = spent()
    clips = sum(len(sample["video"]) if sample["video"].dim() == 5 else 1 for sample in work())
    return (spent() - begin) / clips


def main_renamed(rounds: int, folder: Path) -> None:
    """Print a line a way of loading: PyTorchVideo, and the same project after renaming."""
    for number in range(VIDEOS):
        write_video(folder / "mp4" / f"{number}.mp4", number, 340, 256)
    listed = folder / "videos.csv"
    rows = "".join(f"{folder}/mp4/{number}.mp4 0\n" for number in range(VIDEOS))
    listed.write_text(rows, encoding="utf-8")
    theirs, mine = (
        [sample["video"] for sample in renamed(name, listed, draws=False)] for name in PACKAGES
    )
    for one, other in zip(theirs, mine, strict=True):
        assert one.equal(other), f"pixels differ by up to {(one - other).abs().max()}"
    print("| renamed | clips | PyTorchVideo, CPU ms/clip | ours | PyTorchVideo / ours |")
    print("|---|---|---|---|---|")
    for title, workers in (("LabeledVideoDataset", 0), ("Kinetics, DataLoader, 2 workers", 2)):
        seconds: dict[str, list[float]] = {name: [] for name in PACKAGES}
        for number in range(rounds + 1):
            for name in PACKAGES if number % 2 else PACKAGES[::-1]:
                spent = spent_by(functools.partial(renamed, name, listed, workers))
                if number:  # the first one loads code
                    seconds[name].append(spent)
        old, new = (statistics.median(1000 * one for one in seconds[name]) for name in PACKAGES)
        ratio = statistics.median(a / b for a, b in zip(*seconds.values(), strict=True))
        count = VIDEOS if workers else len(mine)
        print(f"| {title} | {count} | {old:.0f} | {new:.0f} | {ratio:.2f} |")


def main(rounds: int) -> None:
    """Print a line a chain."""
    # Large blocks go back to the system when they are freed, so that none is counted as held.
    frugal = {**os.environ, "MALLOC_MMAP_THRESHOLD_": str(2**16)}
    peaks = {
        name: float(
            subprocess.check_output([sys.executable, __file__, "--memory", name], env=frugal)
        )
        for name in CHAINS
    }
    chains = {name: make() for name, make in CHAINS.items()}
    seconds: dict[str, list[float]] = {name: [] for name in chains}
    frames = window()
    for number in range(rounds + 3):
        for name, chain in chains.items():
            clip = prepare(name, frames)
            begin = time.process_time()
            result = chain(clip)
            spent = (time.process_time() - begin) / per_clip(name)
            assert result.shape[-4:] == (3, FRAMES, 224, 224), f"{name} gave {result.shape}"
            assert result.dtype == torch.float32, f"{name} gave {result.dtype}"
            if number >= 3:  # the first ones load code
                seconds[name].append(spent)
    print("| chain | CPU ms/clip | CPU time, ours_clip = 1 | peak MB/clip |")
    print("|---|---|---|---|")
    for name in chains:
        ratios = [a / b for a, b in zip(seconds[name], seconds["ours_clip"], strict=True)]
        print(
            f"| {name} | {1000 * statistics.median(seconds[name]):.1f} "
            f"| {statistics.median(ratios):.2f} | {peaks[name]:.0f} |"
        )
    if torch.cuda.is_available():
        spent, floor = on_device("cuda")
        print(f"\n`BatchTransform` of 32 clips on {torch.cuda.get_device_name()}: {spent:.2f} ms, ")
        print(f"{spent / floor:.1f} times what reading and writing those bytes takes.")


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if sys.argv[1:2] == ["--memory"]:
        print(memory(sys.argv[2]))
    else:
        alone = sys.argv[1:2] == ["--renamed"]
        rounds = int(sys.argv[1 + alone]) if len(sys.argv) > 1 + alone else 40
        if not alone:
            main(rounds)
            print()
        with tempfile.TemporaryDirectory() as folder:
            main_renamed(rounds, Path(folder))
