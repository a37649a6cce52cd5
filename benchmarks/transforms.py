"""Claim: 10 times less work than PyTorchVideo's training transform, and a quarter of its memory.

And 1.2 times less work than any other library's. A window of 64 frames of 340x256, of which 16 are
kept; short side 256 to 320, crop 224, flip, normalise, to float32. PyTorchVideo gets 64 frames as
floats, as its data sets give them, the others the 16 frames as bytes. One thread; a round gives
every chain the same window in turn. The figure is CPU time, the ratio the median of those of each
round. Peak memory is that of a clip, frames included, in a process of its own for each chain. Where
there is a GPU, a batch of 32 clips on it is compared with a copy of as many bytes.

    pip install --no-deps pytorchvideo
    python benchmarks/transforms.py [ROUNDS]
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from pytorchvideo_clone.transforms import BatchTransform, ClipTransform

MEAN, STD = (0.45, 0.45, 0.45), (0.225, 0.225, 0.225)
WINDOW, FRAMES, HEIGHT, WIDTH, BATCH = 64, 16, 256, 340, 8
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
    import torchvision.transforms as vision
    import torchvision.transforms._functional_tensor as functional_tensor

    sys.modules["torchvision.transforms.functional_tensor"] = functional_tensor
    from pytorchvideo.transforms import (
        Normalize,
        RandomShortSideScale,
        UniformTemporalSubsample,
    )

    return vision.Compose(
        [
            UniformTemporalSubsample(FRAMES),
            vision.Lambda(lambda x: x / 255.0),
            Normalize(MEAN, STD),
            RandomShortSideScale(min_size=256, max_size=320),
            vision.RandomCrop(224),
            vision.RandomHorizontalFlip(p=0.5),
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
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def memory(name: str) -> float:
    """Peak MB of the frames that a chain is given and of all that it makes, for one clip."""
    torch.set_num_threads(1)
    chain, frames = CHAINS[name](), window()
    chain(prepare(name, frames[:, :64]))  # loads code
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
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


def main() -> None:
    """Print a line a chain."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 40
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
    if sys.argv[1:2] == ["--memory"]:
        print(memory(sys.argv[2]))
    else:
        main()
