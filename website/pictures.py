"""Make the pictures of the documentation: python website/pictures.py."""

import tempfile
from pathlib import Path

import torch

from pytorchvideo_clone.data import EncodedVideo
from pytorchvideo_clone.data.motion import write_motion_dataset
from pytorchvideo_clone.transforms import (
    ClipTransform,
    ColorJitter,
    RandomErasing,
    RandomGrayscale,
    preview,
)


def main() -> None:
    """Show draws of a training transform on a video of the motion data set."""
    with tempfile.TemporaryDirectory() as folder:
        videos = write_motion_dataset(Path(folder), 1, 1)
        with EncodedVideo.from_path(videos / "test/zoom_in/0000.mp4") as video:
            clip = video.get_clip(0, 2, video_dtype=torch.uint8)
    assert clip is not None
    transform = ClipTransform(
        96,
        scale=(0.2, 1.0),
        steps=[ColorJitter(0.4, 0.4, 0.4, 0.1, p=0.8), RandomGrayscale(0.2)],
        last_steps=[RandomErasing(0.5)],
        generator=torch.Generator().manual_seed(0),
    )
    torch.manual_seed(0)
    sample = {"video": clip["video"], "label": "zoom_in"}
    sheet = preview(sample, transform, 4, mean=transform.mean, std=transform.std)
    sheet.save(Path(__file__).parent / "docs/preview.jpg", quality=80)


if __name__ == "__main__":
    main()
