"""Lists of frames, and the images that they name."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from tests.data.coded_video import picture


def write_frame_list(
    folder: Path, lengths: Sequence[int], labels: Sequence[Sequence[str]] | None = None
) -> Path:
    """Write videos v0, v1, ... as numbered images, and a list of them; give the path of the list.

    Frame k of video v shows the number 50 * v + k.

    Args:
        folder: where all goes; paths in the list are relative to it.
        lengths: how many frames the videos have.
        labels: of each frame of each video.
    """
    lines = ["original_vido_id video_id frame_id path labels"]
    for video, length in enumerate(lengths):
        (folder / f"v{video}").mkdir()
        for frame in range(length):
            path = f"v{video}/img_{frame + 1}.png"
            Image.fromarray(picture(50 * video + frame)).save(folder / path)
            text = labels[video][frame] if labels else ""
            lines.append(f'v{video} {video} {frame} {path} "{text}"')
    (folder / "frames.csv").write_text("\n".join(lines) + "\n")
    return folder / "frames.csv"
