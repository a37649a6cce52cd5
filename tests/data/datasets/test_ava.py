import random
from fractions import Fraction

import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, SequentialSampler

from pytorchvideo_clone.data import VideoReadError, make_clip_sampler
from pytorchvideo_clone.data.clip_sampling import RandomClipSampler
from pytorchvideo_clone.data.datasets.ava import (
    Ava,
    AvaLabeledVideoFramePaths,
    TimeStampClipSampler,
)
from tests.data.coded_video import numbers, picture

# torch warns about more workers than cores.
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")

LABELS = """\
v0,0902,0.1,0.2,0.5,0.9,12,0
v0,0902,0.104,0.2,0.5,0.9,80,0
v0,0902,0.6,0.2,0.9,0.9,12,1
v0,0903,0,0,1,1,7,0
v1,0902,0,0,1,0.5,,0.75
v1,0901,0,0,1,0.5,7,0
"""


@pytest.fixture
def folder(tmp_path):
    """Two videos of 4 s, the second one without its last second; all pictures are small."""
    lines = ["original_vido_id video_id frame_id path labels"]
    for video, length in enumerate((120, 90)):
        (tmp_path / f"v{video}").mkdir()
        for frame in range(length):
            path = f"v{video}/img_{frame}.png"
            Image.fromarray(picture(frame, 6, 8)).save(tmp_path / path, compress_level=1)
            lines.append(f'v{video} {video} {frame} {path} ""')
    (tmp_path / "frames.csv").write_text("\n".join(lines))
    (tmp_path / "labels.csv").write_text(LABELS)
    return tmp_path


def ava(folder, sampler=None, video_sampler=SequentialSampler, **options):
    return Ava(
        folder / "frames.csv",
        folder / "labels.csv",
        str(folder),
        clip_sampler=sampler or make_clip_sampler("random", Fraction(4, 30)),
        video_sampler=video_sampler,
        **options,
    )


def test_the_clip_is_centred_on_the_annotated_second():
    sampler = TimeStampClipSampler(RandomClipSampler(3))
    (clip,) = sampler.clips(100, {"clip_index": 20.0}, random.Random(0))
    assert (clip.clip_start_sec, clip.clip_end_sec, clip.is_last_clip) == (18.5, 21.5, True)
    assert sampler.samples_per_video == 1


def test_a_sample_has_the_boxes_of_its_second(folder):
    dataset = ava(folder)
    for samples in (list(dataset), list(dataset.map_style())):
        shown = [numbers(sample.pop("video")) for sample in samples]
        assert shown == [list(range(k - 2, k + 2)) for k in (60, 90, 60)]
        assert samples[0] == {
            "video_name": "v0",
            "video_index": 0,
            "clip_index": 2.0,
            "aug_index": 0,
            "labels": [[12, 80], [12]],
            "boxes": [[0.1, 0.2, 0.5, 0.9], [0.6, 0.2, 0.9, 0.9]],
            "extra_info": [[0.0, 0.0], [1.0]],
        }
        assert [sample["clip_index"] for sample in samples] == [2, 3, 2]
        assert [sample["video_index"] for sample in samples] == [0, 0, 1]
        assert (samples[2]["labels"], samples[2]["extra_info"]) == ([[-1]], [[0.75]])


def test_a_label_map_says_which_labels_to_keep(folder):
    (folder / "map.pbtxt").write_text(
        'item {\n  name: "stand"\n  id: 12\n}\nlabel {\n  name: "say \\"x\\""\n  label_id: 7\n}\n'
    )
    names, numbers_ = AvaLabeledVideoFramePaths.read_label_map(folder / "map.pbtxt")
    assert (names, numbers_) == ({12: "stand", 7: 'say \\"x\\"'}, {7, 12})
    samples = list(ava(folder, label_map_file=folder / "map.pbtxt"))
    assert [sample["labels"] for sample in samples] == [[[12], [12]], [[7]]]


def test_the_sampler_orders_seconds_and_workers_share_them(folder):
    dataset = ava(folder, make_clip_sampler("random", Fraction(1, 30)))
    assert dataset.num_videos == len(dataset.map_style()) == 3
    loader = DataLoader(dataset, batch_size=None, num_workers=2)
    places = sorted((sample["video_index"], sample["clip_index"]) for sample in loader)
    assert places == [(0, 2), (0, 3), (1, 2)]
    assert [len(list(dataset)) for _ in range(2)] == [3, 3]


def test_a_damaged_image_is_named(folder, caplog):
    (folder / "v0/img_60.png").write_bytes(b"no image")
    assert [sample["clip_index"] for sample in ava(folder)] == [3, 2]
    assert "img_60.png" in caplog.text
    with pytest.raises(VideoReadError, match=r"img_60\.png"):
        ava(folder).map_style()[0]


def test_videos_without_frames_are_left_out_and_counted(folder, caplog):
    (folder / "labels.csv").write_text(LABELS + "v7,0902,0,0,1,1,7,0\nv7,0903,0,0,1,1,7,0\n")
    assert ava(folder).num_videos == 3
    assert "1 labelled videos have no frames" in caplog.text
    (folder / "labels.csv").write_text("v7,0902,0,0,1,1,7,0\n")
    with pytest.raises(ValueError, match="no label of a video in"):
        ava(folder)


@pytest.mark.parametrize("line", ["v0,0902,0,0,1,1,7", "v0,soon,0,0,1,1,7,0", "v0,0902,,,,,,"])
def test_a_line_of_another_form_is_named(folder, line):
    (folder / "labels.csv").write_text(LABELS + line)
    with pytest.raises(ValueError, match=rf"labels\.csv, line 7: '{line}' must be video"):
        ava(folder)


def test_frames_may_lie_at_a_url(folder):
    files = (folder / "frames.csv", folder / "labels.csv")
    pairs = AvaLabeledVideoFramePaths.from_csv(*files, "s3://films")
    assert [path for path, _ in pairs] == ["s3://films/v0", "s3://films/v0", "s3://films/v1"]


def test_a_clip_sampler_is_needed(folder):
    with pytest.raises(TypeError, match="needs a clip_sampler"):
        Ava(folder / "frames.csv", folder / "labels.csv")


def test_boxes_become_a_tensor_of_boxes(folder):
    boxes = torch.tensor(ava(folder).map_style()[0]["boxes"])
    assert boxes.shape == (2, 4)
    assert (boxes[:, 2:] > boxes[:, :2]).all()
