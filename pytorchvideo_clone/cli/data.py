"""Commands about data: look at it, pack it, and what undoes or checks that."""

import sys
from pathlib import Path
from typing import Literal

from pytorchvideo_clone._optional import optional_import
from pytorchvideo_clone.cli.screen import progress
from pytorchvideo_clone.cli.tables import print_table, printable
from pytorchvideo_clone.data.loader import make_loader
from pytorchvideo_clone.data.packed import (
    PackedStore,
    PackSettings,
    pack_videos,
    unpack_video,
)
from pytorchvideo_clone.data.packed.unpack import file_name, folder_names
from pytorchvideo_clone.data.profile import profile_loader
from pytorchvideo_clone.data.scan import scan_videos
from pytorchvideo_clone.data.video import VideoReadError
from pytorchvideo_clone.hub import model_entry

__all__ = ["pack", "profile", "scan", "show", "unpack", "verify"]


def scan(
    source: str,
    manifest: str = "videos.csv",
    check: Literal["header", "ends", "all"] = "ends",
    num_workers: int | None = None,
    time_limit_sec: float = 60,
) -> None:
    """Look at every video and write a manifest. Ends with status 1 if one cannot be read.

    Args:
        source: folder of class folders, or of videos alone, or a list with 'path label' lines.
        manifest: csv file to write; `train` takes it for a list of videos. Those that cannot be
            read go into `<manifest>.bad.csv`. A scan that was stopped goes on where it was.
        check: open each file ("header"), decode its first and last frames ("ends") or all of them
            ("all").
        num_workers: processes; by default one a core.
        time_limit_sec: a video that takes longer is bad.
    """
    with progress() as on_progress:
        report = scan_videos(
            source,
            manifest,
            check=check,
            num_workers=num_workers,
            time_limit_sec=time_limit_sec,
            on_progress=on_progress,
        )
    if report.bad:
        print_table(["cannot be read", "cause"], [[row.path, row.cause] for row in report.bad])
    hours = sum(row.duration for row in report.good) / 3600
    print(
        f"{len(report.good)} videos of {hours:.2f} hours can be read, {len(report.bad)} cannot; "
        f"{report.reused} were known from before. Manifest: {manifest}"
    )
    if report.bad:
        sys.exit(1)


def show(
    data_path: str,
    output: str = "clips.png",
    model: str = "x3d_s",
    clips: int = 8,
    frames: int = 8,
    seed: int = 0,
    decoder: str = "pyav",
) -> None:
    """Draw clips as training gets them, with their labels, to look at before training.

    Args:
        data_path: as for `train`; the videos of its `train` folder are shown.
        output: the picture, a .png or .jpg file.
        model: a name that `models` lists: its frames, stride and crop are used.
        clips: how many, one a row.
        frames: how many of each clip are drawn, evenly spaced.
        seed: which videos, and how they are cut and flipped.
        decoder: "auto", "pyav", "torchcodec" or "decord".
    """
    recipes = optional_import("pytorchvideo_clone.recipes.show", extra="train")
    module = optional_import("pytorchvideo_clone.recipes.data_module", extra="train")
    spec = model_entry(model).input_spec
    paths = module.VideoDataModule(data_path, spec, val_fraction=0).training_videos
    options = {"clips": clips, "frames": frames, "seed": seed, "decoder": decoder}
    names = recipes.show_clips(paths, spec, output, on_fault=_left_out, **options)
    print(f"{output} shows {', '.join(map(printable, names))}.")


def pack(
    source: str,
    destination: str,
    codec: Literal["h264", "jpeg"] = "h264",
    short_side: int | None = 256,
    quality: int | None = None,
    audio: bool = True,
    shard_bytes: int = 2**30,
    num_workers: int | None = None,
    engine: Literal["processes", "ray"] = "processes",
) -> None:
    """Pack videos into a store for fast random access. An interrupted call goes on when repeated.

    Args:
        source: folder of class folders, or of videos alone, or a list with 'path label' lines.
        destination: the store to make, a folder whose name ends in ".ptvpack"; `train` and the data
            sets take it for a `data_path`.
        codec: "h264", about 1.5 times as large as the sources, or "jpeg", larger and faster still.
        short_side: pixels to which a longer short side is scaled; null keeps the size.
        quality: x264's constant rate factor (default 18) or JPEG's quality (default 90).
        audio: whether to copy the sound.
        shard_bytes: size at which a new file begins.
        num_workers: processes; by default one a core.
        engine: "ray" packs over a Ray cluster.
    """
    settings = PackSettings(codec, short_side, quality, audio, shard_bytes)
    with progress() as on_progress:
        report = pack_videos(
            source,
            destination,
            settings,
            num_workers=num_workers,
            engine=engine,
            on_progress=on_progress,
        )
    if report.left_out:
        print_table(["left out", "cause"], report.left_out)
    if report.without_sound:
        print_table(["packed without its sound", "cause"], report.without_sound)
    print(
        f"{report.packed} videos are packed, {len(report.left_out)} left out; {report.resumed} "
        f"were packed before. {report.store_bytes / 2**20:.1f} MB, the sources had "
        f"{report.source_bytes / 2**20:.1f} MB."
    )


def unpack(store: str, destination: str, ending: Literal["mp4", "mkv"] = "mp4") -> None:
    """Write the videos of a store as files that players show, without coding them again.

    A video that cannot be written is named, and the rest goes on; the status is then 1. So is sound
    that the file cannot hold: it becomes AAC.

    Args:
        store: the store.
        destination: a folder, to be made; videos of known classes go into class folders.
        ending: "mp4", or "mkv", which a store of JPEG needs.
    """
    packed = PackedStore(store)
    folders = folder_names(packed.class_names or [])
    notes: list[tuple[str, str]] = []
    failed = 0
    with progress() as on_progress:
        for number in range(len(packed)):
            label, name = packed.label(number), packed.name(number)
            folder = Path(destination, folders[label] if 0 <= label < len(folders) else "")
            try:
                folder.mkdir(parents=True, exist_ok=True)
                note = unpack_video(store, number, folder / file_name(number, name, ending))
            except VideoReadError as error:
                note, failed = f"left out: {error.cause}", failed + 1
            if note:
                notes.append((name, note))
            on_progress(number + 1, len(packed))
    if notes:
        print_table(["video", "what became of it"], notes)
    print(f"{len(packed) - failed} videos are in {destination}, {failed} are left out.")
    if failed:
        sys.exit(1)


def verify(store: str) -> None:
    """Read every byte of a store. Ends with status 1 if one is not as it was written.

    Args:
        store: the store.
    """
    packed = PackedStore(store)
    damage = list(packed.verify())
    if damage:
        print_table(["video", "damage"], damage)
        sys.exit(1)
    print(f"all {len(packed)} videos are as they were written.")


def profile(
    data_path: str,
    model: str = "x3d_s",
    batch_size: int = 8,
    num_workers: int | None = None,
    seconds: float = 10,
    decoder: str = "pyav",
    seed: int = 0,
) -> None:
    """Load clips as training does, measure each stage, and say what limits and what to do.

    Args:
        data_path: as for `train`: folder, list or store; the videos of its `train` folder are read.
        model: a name that `models` lists: its frames, stride and crop are used.
        batch_size: clips of a batch.
        num_workers: loader processes; by default one a core, and 0 loads in this one.
        seconds: for how long.
        decoder: "auto", "pyav", "torchcodec" or "decord".
        seed: which clips, and in which order.
    """
    inputs = optional_import("pytorchvideo_clone.recipes.inputs", extra="train")
    module = optional_import("pytorchvideo_clone.recipes.data_module", extra="train")
    spec = model_entry(model).input_spec
    paths = module.VideoDataModule(data_path, spec, val_fraction=0).training_videos
    dataset = inputs.training_dataset(paths, spec, seed=seed, decoder=decoder, faults="substitute")
    loader = make_loader(dataset, batch_size, num_workers=num_workers, seed=seed)
    found = profile_loader(loader, seconds)
    print_table(["stage", "ms CPU a clip", "ms by the clock", "share"], found.rows())
    print(
        f"{found.clips} clips in {found.seconds:.1f} s by {found.processes} "
        f"{'processes' if found.processes > 1 else 'process'}: {found.clips_per_second:.1f} clips "
        f"a second.\nLimiting: {found.limiting}. {found.advice}"
    )


def _left_out(path: str, cause: str) -> None:
    print(f"left out: {printable(path)}: {cause}", file=sys.stderr)
