"""Commands about data: `data scan`."""

import sys
from typing import Any, Literal

from pytorchvideo_clone._optional import optional_import
from pytorchvideo_clone.cli.screen import print_table
from pytorchvideo_clone.data.scan import scan_videos

__all__ = ["scan"]


def scan(
    source: str,
    manifest: str = "videos.csv",
    check: Literal["header", "ends", "all"] = "ends",
    num_workers: int | None = None,
    time_limit_sec: float = 60,
) -> None:
    """Look at every video and write a manifest. Ends with status 1 if one cannot be read.

    Args:
        source: folder of class folders, or a list with 'path label' lines.
        manifest: csv file to write; `train` takes it for a list of videos. Those that cannot be
            read go into `<manifest>.bad.csv`. A scan that was stopped goes on where it was.
        check: open each file ("header"), decode its first and last frames ("ends") or all of them
            ("all").
        num_workers: processes; by default one a core.
        time_limit_sec: a video that takes longer is bad.
    """
    progress = optional_import("rich.progress", extra="train")
    console = optional_import("rich.console", extra="train").Console(stderr=True)
    with progress.Progress(
        *progress.Progress.get_default_columns(), progress.MofNCompleteColumn(), console=console
    ) as bar:
        tasks: list[Any] = []

        def on_progress(done: int, total: int) -> None:
            if not tasks:  # not before the source is known to exist
                tasks.append(bar.add_task("videos", total=total))
            bar.update(tasks[0], completed=done)

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
