"""Folders of videos as loaders for training and evaluation."""

import math
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader

from pytorchvideo_clone.data import EpochSampler, Faults, LabeledVideoPaths, make_loader
from pytorchvideo_clone.data.faults import Policy
from pytorchvideo_clone.data.lists.numbering import line_of
from pytorchvideo_clone.data.lists.splits import check_numbers, find_splits, labelled_rows
from pytorchvideo_clone.hub import InputSpec
from pytorchvideo_clone.recipes.inputs import evaluation_dataset, training_dataset

__all__ = ["VideoDataModule"]


class VideoDataModule(LightningDataModule):
    """Labelled videos, split, clipped and batched as an `InputSpec` asks.

    `data_path` is a folder `<class>/*.mp4`, a list of `path label` lines or a packed store, or a
    folder with `train`, and perhaps `val` and `test`, of these forms: as `find_splits` in
    `data.lists.splits` reads it, of a URL too. Without `val` a share of the training videos
    of each class is held out; without `test` the validation videos serve.

    Batches hold `video` (B, C, T, H, W) uint8 in training and (B, crops, C, T, H, W) in evaluation,
    `label`, `video_index` and `clip_index`. Use it with `Trainer(use_distributed_sampler=False)`:
    it shares the videos among the ranks itself, in evaluation without repeating any. Lightning's
    checkpoints hold where an epoch of training stands, and resume there.

    In evaluation what cannot be read of a video becomes padding, and `valid` (B,) is False where
    nothing can.

    Args:
        data_path: path or URL of a folder, list or store.
        spec: what the model takes.
        batch_size: clips of a training step. In evaluation a batch has all crops of a video, or of
            as many videos as make no more crops than this.
        num_workers: loader processes.
        horizontal_flip_prob: 0 where left and right mean something.
        val_fraction: share of each class to hold out when there is no `val` folder; 0 trains on
            all videos, without validation.
        test_clips: clips of a video in the final evaluation; None takes the spec's.
        test_crops: crops of each of them; None takes the spec's.
        class_names: the model's classes, where they are given by a checkpoint; labels follow them.
        seed: of the split, the order and the clips.
        decoder: as in `EncodedVideo.from_path`.
        faults: what to do about a training video that cannot be read, as in `ClipDataset`; its
            limit of time holds in evaluation too.

    Attributes:
        class_names: name of each class.
        splits: "train", "val" and "test" -> their videos, as far as there are any.
        is_test_of_training: whether the test is over the videos of training, for want of others.

    Raises:
        FileNotFoundError: if `data_path` does not exist.
        ValueError: if the classes of two splits, or of the data and the model, do not fit, or if a
            share is not from 0 to 1.
    """

    def __init__(
        self,
        data_path: str | Path,
        spec: InputSpec,
        *,
        batch_size: int = 8,
        num_workers: int = 2,
        horizontal_flip_prob: float = 0.5,
        val_fraction: float = 0.2,
        test_clips: int | None = None,
        test_crops: int | None = None,
        class_names: Sequence[str] | None = None,
        seed: int = 0,
        decoder: str = "pyav",
        faults: Faults | Policy = "substitute",
    ) -> None:
        super().__init__()
        for name, share in (
            ("val_fraction", val_fraction),
            ("horizontal_flip_prob", horizontal_flip_prob),
        ):
            if not 0 <= share <= 1:
                raise ValueError(f"{name} is {share}; it must be from 0 to 1.")
        self.spec, self.seed, self.decoder = spec, seed, decoder
        self.faults = Faults.of(faults)
        self.batch_size, self.num_workers = batch_size, num_workers
        self.horizontal_flip_prob = horizontal_flip_prob
        self.test_clips, self.test_crops = test_clips, test_crops
        splits = find_splits(data_path)
        self._data_path, self._found = data_path, list(splits)
        if "val" not in splits and "train" in splits and val_fraction > 0:
            splits["train"], splits["val"] = _hold_out(splits["train"], val_fraction, seed)
        self.is_test_of_training = not splits.keys() & {"val", "test"}
        if "test" not in splits:
            splits["test"] = splits.get("val") or splits["train"]
        self.class_names = list(class_names or _names_of(splits.get("train") or splits["test"]))
        self.splits = {name: _relabel(paths, self.class_names) for name, paths in splits.items()}

    @property
    def training_videos(self) -> LabeledVideoPaths:
        """The videos to train on.

        Raises:
            ValueError: if the data has other splits only.
        """
        if "train" not in self.splits:
            raise ValueError(
                f"{self._data_path} holds videos for {' and '.join(self._found)}, and none to "
                "train on; name a folder or list 'train'."
            )
        return self.splits["train"]

    def train_dataloader(self) -> DataLoader:
        """Give one random clip of each training video, in a new order each epoch."""
        dataset = training_dataset(
            self.training_videos,
            self.spec,
            horizontal_flip_prob=self.horizontal_flip_prob,
            seed=self.seed,
            decoder=self.decoder,
            faults=self.faults,
        )
        world_size, rank = self._place()
        enough = len(dataset) // world_size > self.batch_size
        sampler = EpochSampler(
            dataset,
            seed=self.seed,
            uneven="drop" if enough else "pad",
            rank=rank,
            world_size=world_size,
        )
        return make_loader(
            dataset,
            self.batch_size,
            num_workers=self.num_workers,
            seed=self.seed,
            sampler=sampler,
            drop_last=enough,
        )

    def val_dataloader(self) -> DataLoader | list[DataLoader]:
        """Give one clip, one crop of each validation video; no loader if there are none."""
        if "val" not in self.splits:
            return []
        return self._evaluation_loader("val", clips=1, crops=1)

    def test_dataloader(self) -> DataLoader:
        """Give every view of each test video."""
        return self._evaluation_loader("test", self.test_clips, self.test_crops)

    def _evaluation_loader(self, split: str, clips: int | None, crops: int | None) -> DataLoader:
        dataset = evaluation_dataset(
            self.splits[split],
            self.spec,
            clips=clips,
            crops=crops,
            decoder=self.decoder,
            faults=Faults("pad", self.faults.time_limit_sec),
        )
        world_size, rank = self._place()
        crops = self.spec.test_crops if crops is None else crops
        each = dataset.clip_sampler.samples_per_video
        assert each is not None  # an evaluation sampler gives as many for every video
        # All clips of a video stand in one batch, so that it is decoded once.
        together = each * max(1, self.batch_size // (crops * each))
        mine = [
            index
            for video in range(rank, len(dataset) // each, world_size)
            for index in range(video * each, (video + 1) * each)
        ]
        batches = [mine[first : first + together] for first in range(0, len(mine), together)]
        # Such batches are large: one at a time waits in each worker.
        fewer: dict[str, Any] = {"prefetch_factor": 1} if self.num_workers else {}
        return make_loader(dataset, batch_sampler=batches, num_workers=self.num_workers, **fewer)

    def _place(self) -> tuple[int, int]:
        if self.trainer is None:
            return 1, 0
        return self.trainer.world_size, self.trainer.global_rank


def _names_of(paths: LabeledVideoPaths) -> list[str]:
    if paths.class_names is not None:
        return paths.class_names
    check_numbers(paths)
    return [str(label) for label in range(max(label for _, label in labelled_rows(paths)) + 1)]


def _relabel(paths: LabeledVideoPaths, class_names: list[str]) -> LabeledVideoPaths:
    """Number the labels as `class_names` does: by name where the data has names."""
    rows, names = labelled_rows(paths), paths.class_names
    if names is None:
        if (highest := max(label for _, label in rows)) >= len(class_names):
            where = line_of(paths.source, lambda _, number: number == highest)
            raise ValueError(
                f"{where}: label {highest} does not fit a model of {len(class_names)} classes, "
                "which count from 0."
            )
        return LabeledVideoPaths(rows, class_names=class_names)
    if unknown := sorted(set(names) - set(class_names)):
        raise ValueError(
            f"the data has {', '.join(map(repr, unknown[:5]))}, which is not among the classes "
            f"{', '.join(map(repr, class_names[:5]))} (first of {len(class_names)}); rename the "
            "folders, or train with these classes."
        )
    return LabeledVideoPaths(
        [(path, class_names.index(names[label])) for path, label in rows], class_names=class_names
    )


def _hold_out(
    paths: LabeledVideoPaths, fraction: float, seed: int
) -> tuple[LabeledVideoPaths, LabeledVideoPaths]:
    """Split so that each class gives its share; a class of one video stays in training."""
    rows = labelled_rows(paths)
    by_label: dict[int, dict[str, None]] = {}  # a path that is listed twice stays on one side
    for path, label in rows:
        by_label.setdefault(label, {})[path] = None
    held: set[str] = set()
    for label, videos in sorted(by_label.items()):
        count = min(math.ceil(fraction * len(videos)), len(videos) - 1)
        held.update(random.Random(f"{seed} {label}").sample(list(videos), count))
    if not held:
        raise ValueError(
            f"none of {len(rows)} videos can be held out for validation: each class has one; add "
            "videos, or make a folder 'val' beside 'train'."
        )
    parts = ([row for row in rows if (row[0] in held) == wanted] for wanted in (False, True))
    train, val = (LabeledVideoPaths(part, class_names=paths.class_names) for part in parts)
    train.source = val.source = paths.source
    return train, val
