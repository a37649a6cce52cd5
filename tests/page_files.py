"""The files that pages of the documentation name, as their readers have them."""

import csv
import hashlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlparse

import fsspec
import torch
from PIL import Image

from pytorchvideo_clone.hub import create_model, model_entry, save_bundle
from tests.data.coded_video import picture, write_video
from tests.data.datasets.epic_kitchen.kitchen import make_kitchen
from tests.pages import ROOT

CLASSES = ["jump", "run"]


def write_page_files(folder: Path) -> None:
    """Write small forms of all that the pages name into a folder."""
    torch.manual_seed(0)  # how well int8 fits depends on the weights
    film = write_video(folder / "video.mp4", frames=180, audio_sec=6)
    for split, count in (("train", 4), ("test", 1)):
        for name in CLASSES:
            (folder / "videos" / split / name).mkdir(parents=True)
            for number in range(count):
                shutil.copy(film, folder / "videos" / split / name / f"{number}.mp4")
    _write_images(folder)
    _write_lists(folder, film)
    _write_epic(folder)
    _write_ego4d(folder)
    (folder / "hubconf.py").symlink_to(ROOT / "hubconf.py")
    spec, shape = model_entry("x3d_tiny").input_spec, {"num_classes": 2, "depth_factor": 0.2}
    mine = create_model("x3d_tiny", **shape)
    path = folder / "runs/mine/model.pth"
    save_bundle(path, mine, "x3d_tiny", spec, CLASSES, model_kwargs=shape)
    best = create_model("slow_r50", num_classes=12)
    torch.save({"model_state": best.state_dict()}, folder / "runs/best.pth")


def put_into_cache(names: Iterable[str], cache: Path) -> None:
    """Write random weights where `torch.hub` keeps the published ones once they are downloaded."""
    for name in names:
        url = model_entry(name).weights.url
        digest = hashlib.sha256(url.encode()).hexdigest()[:8]
        path = cache / "checkpoints" / f"{digest}-{Path(urlparse(url).path).name}"
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save({"model_state": create_model(name).state_dict()}, path)


def put_into_store(bucket: str, folder: Path) -> None:
    """Give fsspec, for s3:// addresses, a store in memory with a video in it."""
    fsspec.register_implementation("s3", type(fsspec.filesystem("memory")), clobber=True)
    with fsspec.open(bucket, "wb") as file:
        file.write((folder / "video.mp4").read_bytes())


def _write_images(folder: Path) -> None:
    for name in ("frames", "flow"):
        (folder / name).mkdir()
    for number in range(1, 31):
        image = Image.fromarray(picture(number))
        image.save(folder / f"frames/img_{number}.png")
        for axis in "xy":
            image.convert("L").save(folder / f"flow/flow_{axis}_{number:05}.jpg")


def _write_lists(folder: Path, film: str) -> None:
    for name in ("kinetics", "annotations", "train"):
        (folder / name).mkdir()
    (folder / "kinetics/val.csv").write_text(f"{film} 0\n{film} 1\n")
    shutil.copy(film, folder / "train/abc_000001_000011.mp4")
    with (folder / "annotations/train.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["label", "youtube_id", "time_start", "time_end", "split"])
        table.writerows([["run", "abc", 1, 11, "train"], ["jump", "lost", 2, 12, "train"]])


def _write_epic(folder: Path) -> None:
    made = make_kitchen(folder / "epic")
    for kind, name in (("info", "info"), ("actions", "EPIC_100_train"), ("frames", "frames")):
        Path(made[kind]).replace(folder / f"{name}.csv")


def _write_ego4d(folder: Path) -> None:
    times = {"start_time": 1.0, "end_time": 2.0, "video_start_time": 1.0, "video_end_time": 2.0}
    labels = [{"labels": [{"label": "wash_dishes", **times}]}]
    part = {"clip_uid": "c1", "video_start_sec": 0.0, "video_end_sec": 6.0, "annotations": labels}
    moments = [{"video_uid": "u1", "split": "train", "clips": [part]}]
    about = {"video_uid": "u1", "duration_sec": 6.0, "is_stereo": False, "manifold_path": "u1.mp4"}
    (folder / "moments_train.json").write_text(json.dumps({"videos": moments}))
    (folder / "ego4d.json").write_text(json.dumps({"videos": [about]}))
    (folder / "labels.json").write_text(json.dumps({"wash_dishes": 0}))
    shutil.copy(folder / "video.mp4", folder / "videos/u1.mp4")
    (folder / "imu").mkdir()
    axes = [f"{kind}_{axis}" for kind in ("accl", "gyro") for axis in "xyz"]
    lines = [",".join(["canonical_timestamp_ms", *axes])]
    lines += [f"{5 * row},1,2,3,4,5,6" for row in range(1200)]
    (folder / "imu/u1.csv").write_text("\n".join(lines) + "\n")
