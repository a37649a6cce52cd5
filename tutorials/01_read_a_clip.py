"""Tutorial 01: read a clip from a video file.

Run it with a video of yours, or without for one that is made on the spot:

    python tutorials/01_read_a_clip.py [VIDEO]
"""

import sys
import tempfile

from pytorchvideo_clone.data.motion import write_motion_dataset

if len(sys.argv) > 1:
    path = sys.argv[1]
else:
    folder = write_motion_dataset(tempfile.mkdtemp(), train_per_class=0, test_per_class=1)
    path = folder / "test" / "pan_left" / "0000.mp4"

# --8<-- [start:core]
from fractions import Fraction

import torch

from pytorchvideo_clone.data import EncodedVideo, make_clip_sampler

# A video is opened once and cut by time, in seconds: [start, end).
with EncodedVideo.from_path(path) as video:
    print(f"{video.name}: {float(video.duration):.2f} s, read by {video.decoder_name}")

    clip = video.get_clip(0, Fraction(1, 2))
    print("video", tuple(clip["video"].shape), clip["video"].dtype)  # (C, T, H, W), 0 to 255
    print("audio", None if clip["audio"] is None else tuple(clip["audio"].shape))  # (samples,)

    # Only the frames that are kept are converted, and bytes stay bytes.
    every_fourth = video.get_clip(
        0, video.duration, frame_filter=lambda frames: frames[::4], video_dtype=torch.uint8
    )
    print("every fourth frame", tuple(every_fourth["video"].shape), every_fourth["video"].dtype)

    # A sampler places clips in a video: here one after another, half a second each.
    sampler = make_clip_sampler("uniform", 0.5)
    end, last = None, False
    while not last:
        start, end, index, _, last = sampler(end, video.duration, {})
        print(f"clip {index}: {float(start):.2f} s to {float(end):.2f} s")
# --8<-- [end:core]
