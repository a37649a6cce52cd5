import pickle

import pytest

from pytorchvideo_clone.data.datasets.frame_lists import FrameListHandler, read_frame_list
from tests.data.coded_video import numbers
from tests.data.datasets.listed_frames import write_frame_list

HEADER = "original_vido_id video_id frame_id path labels\n"


def read(tmp_path, text, prefix=""):
    (tmp_path / "frames.txt").write_text(text)
    return read_frame_list(tmp_path / "frames.txt", prefix)


def test_frames_are_sorted_by_number_and_videos_stay_in_order(tmp_path):
    rows = 'b 7 10 b/10.jpg ""\na 3 0 a/0.jpg "1,2"\nb 7 9 b/9.jpg "4"\n'
    videos = read(tmp_path, HEADER + rows, "/d")
    assert [(name, frames.paths, frames.labels) for name, frames in videos.items()] == [
        ("b", ["/d/b/9.jpg", "/d/b/10.jpg"], ["4", ""]),
        ("a", ["/d/a/0.jpg"], ["1,2"]),
    ]


def test_fields_are_divided_by_any_white_space_and_quotes_keep_it(tmp_path):
    rows = 'a\t0\t0\t"my films/0.jpg"\t""\n\na 0  1 a/1.jpg  "1, 2" \r\n'
    frames = read(tmp_path, HEADER + rows)["a"]
    assert frames.paths == ["my films/0.jpg", "a/1.jpg"]
    assert frames.labels == ["", "1, 2"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER, "lists no frames"),
        ("", "header must be"),
        ("v 0 0 a.jpg\n", "header must be"),
        ('v 0 0 a.jpg ""\n', "header must be"),
        (HEADER + "v 0 0 a.jpg\n", r"line 2: 'v 0 0 a\.jpg' is no frame"),
        (HEADER + 'v 0 0 a.jpg ""\nv 0 one a.jpg ""\n', "line 3: .* frame_id is a number"),
    ],
)
def test_another_form_is_named(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read(tmp_path, text)


def show(number, frames, start_sec, end_sec, frame_filter, **options):
    return {**frames.get_clip(start_sec, end_sec, frame_filter, **options), "number": number}


def last(indices):
    return indices[-1:]


def test_a_video_is_opened_by_its_name_also_in_another_process(tmp_path):
    listed = read_frame_list(write_frame_list(tmp_path, [3, 6]), tmp_path)
    handler = FrameListHandler([frames.paths for frames in listed.values()], show, last)
    assert list(handler.names) == [f"{tmp_path}/v0#0", f"{tmp_path}/v1#1"]
    name = handler.names[1]
    video = pickle.loads(pickle.dumps(handler)).video_from_path(name, decoder="pyav")
    assert (video.name, video.duration) == ("1", 6 / 30)
    assert handler.video_from_path(name, fps=6).duration == 1
    clip = video.get_clip(0, 0.1)
    assert (numbers(clip["video"]), clip["number"]) == ([52], 1)
    assert numbers(video.get_clip(0, 0.1, lambda indices: indices[:1])["video"]) == [50]
