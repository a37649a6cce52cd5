"""A kitchen of two videos, 8 s at 10 frames a second, on disk as images and as files."""

from pathlib import Path

from PIL import Image

from pytorchvideo_clone.data.lists.manifest import (
    EncodedVideoInfo,
    VideoFrameInfo,
    VideoInfo,
    save_dataclass_objs_to_headered_csv,
    save_encoded_video_manifest,
    save_video_frame_info,
)
from tests.data.coded_video import picture, write_video

FRAMES, FPS = 80, 10
VIDEO_IDS = ("P01_01", "P02_02")

HEADER = (
    "uid,participant_id,video_id,narration,start_timestamp,stop_timestamp,start_frame,stop_frame,"
    "verb,verb_class,noun,noun_class,all_nouns,all_noun_classes"
)
# Video, narration, start and stop in seconds.
ACTIONS = [
    ("P01_01", "open door", 0.5, 1.5),
    ("P01_01", "turn on light", 1.6, 2.25),
    ("P01_01", "close door", 3.0, 4.5),
    ("P01_01", "take cup", 5.0, 6.5),
    ("P02_02", "cut onion", 2.0, 3.0),
]


def make_kitchen(folder: Path) -> dict[str, str]:
    """Write everything, and give the paths: info, actions, frames, encoded."""
    frames, encoded = {}, {}
    for video_id in VIDEO_IDS:
        images = folder / "frames" / video_id
        images.mkdir(parents=True)
        for number in range(FRAMES):
            Image.fromarray(picture(number, 12, 16)).save(images / f"frame_{number + 1:010}.png")
        frames[video_id] = VideoFrameInfo(video_id, str(images), "frame_", 16, 1, FRAMES, "png")
        file = folder / "videos" / video_id[:3] / f"{video_id}.mp4"
        file.parent.mkdir(parents=True)
        path = write_video(file, frames=FRAMES, rate=FPS, audio_sec=8)
        encoded[video_id] = EncodedVideoInfo(video_id, path)
    infos = [VideoInfo(video_id, "16x12", FRAMES / FPS, FPS) for video_id in VIDEO_IDS]
    save_dataclass_objs_to_headered_csv(infos, str(folder / "info.csv"))
    rows = [
        f"{k},{video_id[:3]},{video_id},{what},00:00:{start:05.2f},00:00:{stop:05.2f},1,2,"
        f"""{what.split()[0]},{k},{what.split()[-1]},{k},"['{what.split()[-1]}']",[{k}]"""
        for k, (video_id, what, start, stop) in enumerate(ACTIONS)
    ]
    (folder / "actions.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    return {
        "info": str(folder / "info.csv"),
        "actions": str(folder / "actions.csv"),
        "frames": save_video_frame_info(frames, str(folder / "frames.csv")),
        "encoded": save_encoded_video_manifest(encoded, str(folder / "encoded.csv")),
    }
