import inspect
from fractions import Fraction

from torch.utils.data import SequentialSampler

from pytorchvideo_clone.data import (
    Kinetics,
    LabeledVideoDataset,
    labeled_video_dataset,
    make_clip_sampler,
)
from tests.data.coded_video import numbers, write_video


def test_it_reads_a_folder_of_class_folders(tmp_path):
    (tmp_path / "jump").mkdir()
    write_video(tmp_path / "jump/a.mp4", 10, 10)
    sampler = make_clip_sampler("uniform", Fraction(1, 2))
    dataset = Kinetics(tmp_path, sampler, SequentialSampler, decode_audio=False)
    assert isinstance(dataset, LabeledVideoDataset)
    assert [numbers(sample["video"])[0] for sample in dataset] == [0, 5]
    assert [sample["label"] for sample in dataset.map_style()] == [0, 0]


def test_its_arguments_are_those_of_the_general_data_set():
    assert inspect.signature(Kinetics) == inspect.signature(labeled_video_dataset)
