"""`LabeledVideoDataset`, subclassed: around `__next__`, in its place, and on its state."""

import torch
from torch.utils.data import DataLoader, IterableDataset, RandomSampler, SequentialSampler

from pytorchvideo_clone.data import LabeledVideoDataset, UniformClipSampler, make_clip_sampler
from pytorchvideo_clone.data.clip_sampling import ConstantClipsPerVideoSampler
from pytorchvideo_clone.data.utils import MultiProcessSampler
from tests.data.coded_video import numbers

ALL = [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]  # of 3 videos of 2 s, in clips of 1 s


def _places(samples) -> list[tuple[int, int]]:
    return [(int(sample["label"]), int(sample["clip_index"])) for sample in samples]


def _dataset(kind, videos, sampler=None, **options):
    sampler = sampler or UniformClipSampler(1)
    return kind(videos, sampler, video_sampler=SequentialSampler, decode_audio=False, **options)


def length_of_ones_own(labeled_videos: list) -> None:
    class Sized(LabeledVideoDataset):
        def __len__(self):
            return self.num_videos * 2

    dataset = _dataset(Sized, labeled_videos)
    assert len(dataset) == 6
    assert len(DataLoader(dataset, batch_size=2)) == 3
    assert len(list(DataLoader(dataset, batch_size=2))) == 3


def next_around_the_base(labeled_videos: list) -> None:
    class Renamed(LabeledVideoDataset):
        def __next__(self):
            sample = super().__next__()
            while sample["label"] == 1:
                sample = super().__next__()
            return {"video": sample["video"], "target": sample["label"]}

    dataset = _dataset(Renamed, labeled_videos)
    assert [sample["target"] for sample in dataset] == [0, 0, 2, 2]


class TakenOver(LabeledVideoDataset):
    """`__next__` written anew, on the state of the base."""

    # Where the last clip ended, and its value at the beginning of a video.
    _END, _NO_END = "_last_clip_end_time", None

    def _options(self):
        return {"decode_video": self._decode_video}

    def __next__(self):
        if not self._video_sampler_iter:
            self._video_sampler_iter = iter(MultiProcessSampler(self._video_sampler))
        for _ in range(self._MAX_CONSECUTIVE_FAILURES):
            if self._loaded_video_label:
                video, info_dict, video_index = self._loaded_video_label
            else:
                video_index = next(self._video_sampler_iter)
                video_path, info_dict = self._labeled_videos[video_index]
                video = self.video_path_handler.video_from_path(
                    video_path,
                    decode_audio=self._decode_audio,
                    decoder=self._decoder,
                    **self._options(),
                )
                self._loaded_video_label = (video, info_dict, video_index)
            start, end, clip_index, aug_index, is_last_clip = self._clip_sampler(
                getattr(self, self._END), video.duration, info_dict
            )
            if aug_index == 0:
                self._loaded_clip = video.get_clip(start, end)
            setattr(self, self._END, end)
            if is_last_clip or self._loaded_clip is None or self._loaded_clip["video"] is None:
                self._loaded_video_label[0].close()
                self._loaded_video_label = None
                setattr(self, self._END, self._NO_END)
                self._clip_sampler.reset()
            sample = {
                "video": self._loaded_clip["video"],
                "video_name": video.name,
                "video_index": video_index,
                "clip_index": clip_index,
                "aug_index": aug_index,
                **info_dict,
            }
            if self._transform is not None:
                sample = self._transform(sample)
                if sample is None:
                    continue
            return sample
        raise RuntimeError("too many failures")


def next_taken_over(labeled_videos: list) -> None:
    dataset = _dataset(TakenOver, labeled_videos)
    samples = list(dataset)
    assert _places(samples) == ALL
    assert dataset._MAX_CONSECUTIVE_FAILURES == 10
    assert numbers(samples[1]["video"]) == list(range(10, 20))
    assert _places(dataset) == ALL  # and again
    alone = next(iter(dataset))
    assert list(alone) == list(next(iter(_dataset(LabeledVideoDataset, labeled_videos))))


class TakenOverFrom015(TakenOver):
    _END, _NO_END = "_next_clip_start_time", 0.0

    def _options(self):
        return {}


def next_taken_over_of_0_1_5(labeled_videos: list) -> None:
    dataset = _dataset(TakenOverFrom015, labeled_videos)
    assert dataset._next_clip_start_time == 0
    assert _places(dataset) == _places(dataset) == ALL


def next_taken_over_in_workers(labeled_videos: list) -> None:
    dataset = _dataset(TakenOver, labeled_videos)
    assert dataset._decoder == "pyav"
    loader = DataLoader(dataset, batch_size=None, num_workers=2)
    assert sorted(_places(loader)) == ALL


def next_taken_over_with_augmentations(labeled_videos: list) -> None:
    sampler = ConstantClipsPerVideoSampler(1, clips_per_video=2, augs_per_clip=2)
    samples = list(_dataset(TakenOver, labeled_videos[:1], sampler))
    assert [(s["clip_index"], s["aug_index"]) for s in samples] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert samples[0]["video"] is samples[1]["video"]
    between = iter(_dataset(LabeledVideoDataset, labeled_videos[:1], sampler))
    assert next(between)["video"] is between._loaded_clip["video"] is next(between)["video"]


def loaded_video_between_samples(labeled_videos: list) -> None:
    """What is loaded stays readable between the samples, and may be dropped."""

    class FirstClips(LabeledVideoDataset):
        def __next__(self):
            sample = super().__next__()
            if self._loaded_video_label is not None:
                video, info, index = self._loaded_video_label
                assert (video.name, info["label"], index) == (
                    sample["video_name"],
                    sample["label"],
                    sample["video_index"],
                )
                assert self._loaded_clip["video"] is sample["video"]
                assert float(self._last_clip_end_time) == 1
                video.close()
                self._loaded_video_label = self._last_clip_end_time = None
                self._clip_sampler.reset()
            return sample

    assert _places(_dataset(FirstClips, labeled_videos)) == [(0, 0), (1, 0), (2, 0)]


def iteration_restarted_by_hand(labeled_videos: list) -> None:
    """A wrapper that begins again without asking the data set for an iterator."""

    class Wrapper(IterableDataset):
        def __init__(self, dataset):
            self.dataset = dataset

        def __iter__(self):
            self.dataset._video_sampler_iter = None
            worker_info = torch.utils.data.get_worker_info()
            if self.dataset._video_random_generator is not None and worker_info is not None:
                base_seed = worker_info.seed - worker_info.id
                self.dataset._video_random_generator.manual_seed(base_seed)
            return self

        def __next__(self):
            return self.dataset.__next__()

        @property
        def sampler(self):
            return self.dataset.video_sampler

        def __len__(self):
            return self.dataset.num_videos

    wrapper = Wrapper(_dataset(LabeledVideoDataset, labeled_videos))
    assert _places(wrapper) == _places(wrapper) == ALL
    assert isinstance(wrapper.sampler, SequentialSampler)
    assert len(wrapper) == 3


def settings_changed_afterwards(labeled_videos: list) -> None:
    dataset = LabeledVideoDataset(labeled_videos, make_clip_sampler("uniform", 1))
    assert isinstance(dataset._video_sampler, RandomSampler)
    dataset._video_sampler = SequentialSampler(labeled_videos)
    dataset._clip_sampler = make_clip_sampler("uniform", 2)
    dataset._transform = lambda sample: {"label": sample["label"], "sound": "audio" in sample}
    dataset._decode_audio = False
    dataset._labeled_videos = labeled_videos[::-1]
    assert list(dataset) == [{"label": label, "sound": False} for label in (2, 1, 0)]


def sampler_without_the_base_class(labeled_videos: list) -> None:
    """Anything that is called as a sampler and can be reset, with plain tuples as answers."""

    class TwoHalves:
        def __init__(self):
            self.count = 0

        def __call__(self, last_clip_end_time, video_duration, annotation):
            self.count += 1
            start = 0 if last_clip_end_time is None else last_clip_end_time
            return start, start + 1, annotation["label"], 0, start == 1

        def reset(self):
            self.resets = getattr(self, "resets", 0) + 1

    sampler = TwoHalves()
    samples = list(_dataset(LabeledVideoDataset, labeled_videos, sampler))
    assert [sample["clip_index"] for sample in samples] == [0, 0, 1, 1, 2, 2]
    assert sampler.count == 6
    assert sampler.resets >= 3


def sampler_that_counts_over_videos(labeled_videos: list) -> None:
    class Growing(UniformClipSampler):
        calls = 0

        def __call__(self, last_clip_time, video_duration, annotation):
            self.calls += 1
            return super().__call__(last_clip_time, video_duration, annotation)

    sampler = Growing(1)
    list(_dataset(LabeledVideoDataset, labeled_videos, sampler))
    assert sampler.calls == 6
