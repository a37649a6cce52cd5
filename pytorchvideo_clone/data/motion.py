"""The embedded example data set: photographs moved through a virtual camera, 8 classes of motion.

A single frame does not tell the classes apart, and playing a video backwards gives a video of the
opposite class (`REVERSED`): a model that learns this data set has learned time.
"""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pytorchvideo_clone._optional import optional_import
from pytorchvideo_clone._whole import written_whole

__all__ = [
    "MOTIONS",
    "PHOTOGRAPHS",
    "REVERSED",
    "render_motion",
    "write_motion_dataset",
]

# What the camera does in one second: (right, down) in frame heights, log2 of the zoom, and its turn
# (clockwise, radians). The picture moves the other way: in "pan_left" it runs to the right.
MOTIONS: dict[str, tuple[float, float, float, float]] = {
    "pan_down": (0.0, 0.3, 0.0, 0.0),
    "pan_left": (-0.3, 0.0, 0.0, 0.0),
    "pan_right": (0.3, 0.0, 0.0, 0.0),
    "pan_up": (0.0, -0.3, 0.0, 0.0),
    "rotate_clockwise": (0.0, 0.0, 0.0, 0.6),
    "rotate_counterclockwise": (0.0, 0.0, 0.0, -0.6),
    "zoom_in": (0.0, 0.0, 0.6, 0.0),
    "zoom_out": (0.0, 0.0, -0.6, 0.0),
}

# The class that a video of a class shows when it is played backwards.
REVERSED = {
    "pan_down": "pan_up",
    "pan_left": "pan_right",
    "pan_right": "pan_left",
    "pan_up": "pan_down",
    "rotate_clockwise": "rotate_counterclockwise",
    "rotate_counterclockwise": "rotate_clockwise",
    "zoom_in": "zoom_out",
    "zoom_out": "zoom_in",
}

# Functions of skimage.data whose photographs come with its wheel, so that nothing is downloaded.
PHOTOGRAPHS = {
    "train": (
        "astronaut",
        "brick",
        "cell",
        "coins",
        "gravel",
        "hubble_deep_field",
        "immunohistochemistry",
        "page",
        "retina",
        "rocket",
        "stereo_motorcycle",
    ),
    "test": ("camera", "chelsea", "coffee", "grass"),
}

_FPS = 12
_SECONDS = 2
_SIZE = (96, 128)
_AUDIO_RATE = 16000


@dataclass(frozen=True)
class _Camera:
    """Where the camera stands in the middle of the video, and how fast it moves."""

    speed: float
    centre: tuple[float, float]
    scale: float
    turn: float
    gain: float
    offset: float
    noise: float

    @classmethod
    def draw(cls, generator: torch.Generator) -> "_Camera":
        draws = iter(torch.rand(8, generator=generator).tolist())

        def between(low: float, high: float) -> float:
            return low + (high - low) * next(draws)

        return cls(
            speed=between(0.6, 1.4),
            centre=(between(-0.3, 0.3), between(-0.3, 0.3)),
            scale=between(0.4, 0.6),
            turn=between(-math.pi, math.pi),
            gain=between(0.7, 1.2),
            offset=between(-20, 20),
            noise=between(0, 6),
        )


def render_motion(photograph: Tensor, motion: str, generator: torch.Generator) -> Tensor:
    """Move a virtual camera over a photograph.

    Args:
        photograph: (3, H, W) uint8.
        motion: a key of `MOTIONS`.
        generator: draws speed, starting point, direction of the picture, brightness and noise.

    Returns:
        (3, 24, 96, 128) uint8: 2 s at 12 frames a second.

    Raises:
        ValueError: if the motion is not one of `MOTIONS`.

    >>> render_motion(torch.zeros(3, 64, 64, dtype=torch.uint8), "zoom_in", torch.Generator()).shape
    torch.Size([3, 24, 96, 128])
    """
    if motion not in MOTIONS:
        raise ValueError(f"motion is {motion!r}; choose one of {', '.join(MOTIONS)}.")
    camera = _Camera.draw(generator)
    right, down, zoom, turn = (camera.speed * rate for rate in MOTIONS[motion])
    count, (height, width) = _FPS * _SECONDS, _SIZE
    # Time runs from -1 s to 1 s, so that the reversed video comes from the same distribution.
    time = (torch.arange(count) - (count - 1) / 2) / _FPS
    angle = camera.turn + turn * time
    cosine, sine = torch.cos(angle), torch.sin(angle)
    scale = camera.scale * 2 ** (-zoom * time)
    aspect = width / height
    # The camera pans along its own axes, whatever way up the photograph is.
    shift_x, shift_y = camera.scale * right * 2 * time, camera.scale * down * 2 * time
    cos0, sin0 = math.cos(camera.turn), math.sin(camera.turn)
    origin_x = camera.centre[0] + cos0 * shift_x - sin0 * shift_y
    origin_y = camera.centre[1] + sin0 * shift_x + cos0 * shift_y
    # Photograph coordinates are [-1, 1] on both axes of a square photograph.
    theta = torch.stack(
        [
            torch.stack([scale * cosine * aspect, -scale * sine, origin_x], dim=-1),
            torch.stack([scale * sine * aspect, scale * cosine, origin_y], dim=-1),
        ],
        dim=1,
    )
    grid = F.affine_grid(theta, [count, 3, height, width], align_corners=False)
    frames = F.grid_sample(
        photograph.float().expand(count, -1, -1, -1),
        grid,
        padding_mode="reflection",
        align_corners=False,
    )
    noise = camera.noise * torch.randn(frames.shape, generator=generator)
    frames = (camera.gain * frames + camera.offset + noise).round_().clamp_(0, 255)
    return frames.to(torch.uint8).transpose(0, 1)


def write_motion_dataset(
    folder: str | Path, train_per_class: int = 64, test_per_class: int = 16, seed: int = 0
) -> Path:
    """Write the motion data set: `<folder>/<train|test>/<class>/<number>.mp4`, H.264 and AAC.

    The photographs of "test" are not among those of "train". Existing files are kept, so that an
    interrupted call can be repeated.

    Args:
        folder: where to write; made if it is missing.
        train_per_class: videos of each of the 8 classes in "train".
        test_per_class: the same in "test".
        seed: of all that is drawn.

    Returns:
        The folder.

    Raises:
        ImportError: if scikit-image, which brings the photographs, is missing.
    """
    folder = Path(folder)
    with ThreadPoolExecutor() as pool:  # encoding leaves the interpreter's lock
        for split, count in (("train", train_per_class), ("test", test_per_class)):
            photographs = [_load_photograph(name) for name in PHOTOGRAPHS[split]]
            split_seed = (2 * seed + (split == "test")) * 1_000_000_007
            list(
                pool.map(
                    partial(_write_class, folder / split, photographs, count, split_seed), MOTIONS
                )
            )
    return folder


def _write_class(
    folder: Path, photographs: list[Tensor], count: int, seed: int, motion: str
) -> None:
    (folder / motion).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        path = folder / motion / f"{number:04}.mp4"
        if path.exists():
            continue
        # Python's hash of strings changes from run to run; the place in MOTIONS does not.
        place = list(MOTIONS).index(motion) * 100_003 + number
        generator = torch.Generator().manual_seed(seed + place)
        index = int(torch.randint(len(photographs), (), generator=generator))
        _write_mp4(path, render_motion(photographs[index], motion, generator), tone=place)


def _load_photograph(name: str) -> Tensor:  # -> (3, 256, 256) uint8
    picture = getattr(optional_import("skimage.data", extra="demo"), name)()
    if isinstance(picture, tuple):  # left and right eye, and the disparity
        picture = picture[0]
    if picture.ndim == 2:
        picture = np.stack([picture] * 3, axis=-1)
    image = torch.from_numpy(np.ascontiguousarray(picture[..., :3])).permute(2, 0, 1)
    side = min(image.shape[1:])
    top, left = (image.shape[1] - side) // 2, (image.shape[2] - side) // 2
    square = image[None, :, top : top + side, left : left + side]
    return F.interpolate(square, size=(256, 256), mode="bilinear", antialias=True)[0]


def _write_mp4(path: Path, video: Tensor, tone: int) -> None:
    """Encode (3, T, H, W) uint8 with a sine tone; a half-written file never has the final name."""
    with written_whole(path) as unfinished, av.open(str(unfinished), "w") as container:
        picture = container.add_stream(
            "libx264", rate=_FPS, options={"crf": "20", "preset": "veryfast"}
        )
        picture.height, picture.width = video.shape[2:]
        picture.pix_fmt = "yuv420p"
        sound = container.add_stream("aac", rate=_AUDIO_RATE, layout="mono")
        for image in video.permute(1, 2, 3, 0).contiguous().numpy():
            container.mux(picture.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(picture.encode())
        samples = np.arange(_SECONDS * _AUDIO_RATE) * (2 * math.pi * (220 + tone % 660))
        wave = (0.1 * np.sin(samples / _AUDIO_RATE)).astype(np.float32)
        for start in range(0, len(wave), 1024):
            block = av.AudioFrame.from_ndarray(
                wave[None, start : start + 1024], format="fltp", layout="mono"
            )
            block.sample_rate, block.pts = _AUDIO_RATE, start
            block.time_base = Fraction(1, _AUDIO_RATE)
            container.mux(sound.encode(block))
        container.mux(sound.encode())
