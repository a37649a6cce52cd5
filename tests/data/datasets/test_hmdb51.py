from fractions import Fraction

import pytest
from torch.utils.data import DataLoader, SequentialSampler

from pytorchvideo_clone.data import make_clip_sampler
from pytorchvideo_clone.data.datasets.hmdb51 import Hmdb51, Hmdb51LabeledVideoPaths
from tests.data.coded_video import numbers, write_video

# torch warns about more workers than cores.
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")

SPLITS = {
    "ride_bike_test_split1.txt": "a b_ride_bike_f_cm_np1_ba_med_0.avi 1 \n"
    "c_ride_bike_u_nm_np2_fr_goo_3.avi 2 \nd_ride_bike_h_nm_np1_le_bad_4.avi 0 \n",
    "wave_test_split1.txt": "e_wave_l_nm_np1_ri_bad_1.avi 1\n\n",
    "wave_test_split2.txt": "e_wave_l_nm_np1_ri_bad_1.avi 2\n",
    "notes.md": "",
}
TRAIN = {
    "ride_bike/a b_ride_bike_f_cm_np1_ba_med_0.avi": ["f", "cm", "np1", "ba", "med"],
    "wave/e_wave_l_nm_np1_ri_bad_1.avi": ["l", "nm", "np1", "ri", "bad"],
}


@pytest.fixture
def splits(tmp_path):
    folder = tmp_path / "splits"
    folder.mkdir()
    for name, text in SPLITS.items():
        (folder / name).write_text(text)
    return folder


def listed(videos):
    return [(path, info["label"]) for path, info in videos]


def test_a_split_has_the_actions_and_tags_of_its_files(splits):
    videos = Hmdb51LabeledVideoPaths.from_dir(splits)
    assert list(videos) == [
        (path, {"label": path.partition("/")[0], "meta_tags": tags}) for path, tags in TRAIN.items()
    ]
    (test,) = Hmdb51LabeledVideoPaths.from_dir(splits, 2, "test")
    assert test[0] == "wave/e_wave_l_nm_np1_ri_bad_1.avi"
    (unused,) = Hmdb51LabeledVideoPaths.from_csvs([splits / "ride_bike_test_split1.txt"], "unused")
    assert unused[0] == "ride_bike/d_ride_bike_h_nm_np1_le_bad_4.avi"


def test_what_does_not_exist_is_an_error(splits, tmp_path):
    for split_id, split_type in ((4, "train"), (1, "val")):
        with pytest.raises(ValueError, match="must be"):
            Hmdb51LabeledVideoPaths.from_dir(splits, split_id, split_type)
    with pytest.raises(FileNotFoundError, match="nowhere is no folder"):
        Hmdb51LabeledVideoPaths.from_dir(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"no file <action>_test_split3\.txt"):
        Hmdb51LabeledVideoPaths.from_dir(splits, 3)


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [
        ("wave_test_split1.txt", "e_wave_l_nm_np1_ri_bad_1.avi 3", "0, 1 or 2"),
        ("wave_test_split1.txt", "e_wave_l_nm_np1_ri_bad_1.avi", "0, 1 or 2"),
        ("wave_test_split1.txt", "wave.avi 1", "must be named"),
        ("wave.txt", "e_wave_l_nm_np1_ri_bad_1.avi 1", "is not named"),
    ],
)
def test_another_form_is_named(tmp_path, name, line, message):
    (tmp_path / name).write_text(line)
    with pytest.raises(ValueError, match=message):
        Hmdb51LabeledVideoPaths.from_csvs([tmp_path / name])


def test_samples_cannot_change_the_list(splits):
    videos = Hmdb51LabeledVideoPaths.from_dir(splits)
    videos[0][1].clear()
    assert videos[0][1]["label"] == "ride_bike"


def test_videos_are_read_from_below_the_prefix(splits, tmp_path):
    for number, path in enumerate(TRAIN):
        (tmp_path / path).parent.mkdir()
        write_video(tmp_path / path, 10 + 10 * number, 10, codec="mpeg4")
    sampler = make_clip_sampler("uniform", Fraction(1))
    dataset = Hmdb51(
        splits, sampler, SequentialSampler, video_path_prefix=str(tmp_path), decode_audio=False
    )
    for samples in (list(dataset), list(dataset.map_style())):
        assert [numbers(sample["video"])[0] for sample in samples] == [0, 0, 10]
        assert [sample["label"] for sample in samples] == ["ride_bike", "wave", "wave"]
        assert [sample["meta_tags"] for sample in samples[:2]] == list(TRAIN.values())
    loader = DataLoader(dataset, batch_size=None, num_workers=2)
    places = sorted((sample["label"], sample["clip_index"]) for sample in loader)
    assert places == [("ride_bike", 0), ("wave", 0), ("wave", 1)]
