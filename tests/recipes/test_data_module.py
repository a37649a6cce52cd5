from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch import LightningModule
from torch import nn

from pytorchvideo_clone.data.motion import MOTIONS
from pytorchvideo_clone.data.packed import pack_videos
from pytorchvideo_clone.data.scan import scan_videos
from pytorchvideo_clone.hub import model_entry
from pytorchvideo_clone.recipes.data_module import VideoDataModule
from pytorchvideo_clone.recipes.trainer import make_trainer

SPEC = model_entry("x3d_tiny").input_spec


def module(path: Path, **options) -> VideoDataModule:
    return VideoDataModule(path, SPEC, **{"num_workers": 0, "batch_size": 4, **options})


def link(source: Path, target: Path) -> None:
    """A folder of class folders that shows the videos of another."""
    target.mkdir(parents=True)
    for folder in source.iterdir():
        (target / folder.name).symlink_to(folder, target_is_directory=True)


def paths_of(data: VideoDataModule, split: str) -> list[str]:
    videos = data.splits[split]
    return [videos[index][0] for index in range(len(videos))]


def test_a_share_of_every_class_is_held_out_without_a_val_folder(motion_folder: Path) -> None:
    data = module(motion_folder)
    assert data.class_names == sorted(MOTIONS)
    assert not set(paths_of(data, "train")) & set(paths_of(data, "val"))
    held = Counter(Path(path).parent.name for path in paths_of(data, "val"))
    assert held == dict.fromkeys(MOTIONS, 1)
    assert {Path(path).parents[1].name for path in paths_of(data, "test")} == {"test"}
    assert paths_of(module(motion_folder), "val") == paths_of(data, "val")
    assert paths_of(module(motion_folder, seed=1), "val") != paths_of(data, "val")


def test_a_folder_of_classes_alone_serves_all_splits(motion_folder: Path) -> None:
    data = module(motion_folder / "train")
    assert len(data.splits["train"]) == 16
    assert paths_of(data, "test") == paths_of(data, "val")


@pytest.mark.parametrize("name", ["test", "val", "Evaluation"])
def test_a_folder_of_one_split_is_evaluated(name: str, motion_folder: Path, tmp_path: Path) -> None:
    link(motion_folder / "test", tmp_path / name)
    data = module(tmp_path)
    assert len(data.splits["test"]) == 8
    assert not data.is_test_of_training
    with pytest.raises(ValueError, match="none to train on"):
        data.train_dataloader()


def test_a_val_folder_is_taken_as_it_is(motion_folder: Path, tmp_path: Path) -> None:
    link(motion_folder / "train", tmp_path / "train")
    link(motion_folder / "test", tmp_path / "val")
    data = module(tmp_path)
    assert len(data.splits["train"]) == 24
    assert len(data.splits["val"]) == 8


def test_splits_may_be_packed_stores_and_manifests(motion_folder: Path, tmp_path: Path) -> None:
    pack_videos(motion_folder / "test", tmp_path / "train.ptvpack", num_workers=1)
    scan_videos(motion_folder / "test", tmp_path / "valid.csv", num_workers=1)
    data = module(tmp_path)
    assert data.class_names == sorted(MOTIONS)
    assert [len(data.splits[name]) for name in ("train", "val", "test")] == [8, 8, 8]
    batch = next(iter(data.train_dataloader()))
    assert batch["label"].shape == (4,)
    alone = module(tmp_path / "train.ptvpack", val_fraction=0)
    assert paths_of(alone, "train") == paths_of(data, "train")


def test_labels_follow_the_names_of_the_model(motion_folder: Path) -> None:
    names = ["something_else", *sorted(MOTIONS, reverse=True)]
    data = module(motion_folder, class_names=names)
    videos = data.splits["test"]
    for index in range(len(videos)):
        path, info = videos[index]
        assert names[info["label"]] == Path(path).parent.name


def test_a_class_that_the_model_lacks_is_refused(motion_folder: Path) -> None:
    with pytest.raises(ValueError, match=r"'pan_left'.*not among the classes 'jump'"):
        module(motion_folder, class_names=["jump"])


def test_a_csv_file_numbers_its_classes(motion_folder: Path, tmp_path: Path) -> None:
    videos = sorted((motion_folder / "train").glob("*/*.mp4"))
    listing = tmp_path / "train.csv"
    listing.write_text("".join(f"{path} {index % 3}\n" for index, path in enumerate(videos)))
    data = module(listing)
    assert data.class_names == ["0", "1", "2"]
    assert len(data.splits["train"]) + len(data.splits["val"]) == 24
    with pytest.raises(ValueError, match=r"train\.csv, line 3: label 2 .* model of 2 classes"):
        module(listing, class_names=["a", "b"])
    listing.write_text(f"{videos[0]}\n")
    with pytest.raises(ValueError, match="has no label"):
        module(listing)
    listing.write_text("")
    with pytest.raises(ValueError, match="lists no videos"):
        module(listing)


def test_missing_data_and_single_videos_are_refused(motion_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        module(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="each class has one"):
        module(motion_folder / "test")


@pytest.mark.parametrize("loader", ["val_dataloader", "test_dataloader"])
def test_ranks_share_evaluation_without_repeating(motion_folder: Path, loader: str) -> None:
    clips, crops = (2, 3) if loader == "test_dataloader" else (1, 1)
    seen: list[tuple[int, int]] = []
    for rank in range(3):
        data = module(motion_folder, test_clips=2)
        data.trainer = SimpleNamespace(world_size=3, global_rank=rank)
        for batch in getattr(data, loader)():
            assert batch["video"].shape[1:] == (crops, 3, 8, 64, 64)
            seen += zip(batch["video_index"].tolist(), batch["clip_index"].tolist(), strict=True)
    assert sorted(seen) == [(video, clip) for video in range(8) for clip in range(clips)]


def test_an_epoch_changes_order_and_clips_and_can_be_repeated(motion_folder: Path) -> None:
    data = module(motion_folder)
    loader = data.train_dataloader()

    def epoch(number: int) -> tuple[list[int], torch.Tensor]:
        loader.sampler.set_epoch(number)
        batches = list(loader)
        order = [index for batch in batches for index in batch["video_index"].tolist()]
        return order, torch.cat([batch["video"] for batch in batches])

    first, second, again = epoch(0), epoch(1), epoch(0)
    assert sorted(first[0]) == sorted(second[0]) == list(range(16))
    assert first[0] != second[0]
    assert first[0] == again[0]
    assert torch.equal(first[1], again[1])
    place = [second[0].index(index) for index in first[0]]
    assert not torch.equal(first[1], second[1][place])  # other windows and crops too


class Watching(LightningModule):
    """Note the videos of every step; save a checkpoint and stop after some."""

    def __init__(self, stop_at: int | None = None, path: Path | None = None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.stop_at, self.path = stop_at, path
        self.seen: list[list[int]] = []

    def training_step(self, batch, batch_idx):
        self.seen.append(batch["video_index"].tolist())
        return self.weight * batch["video"].float().mean()

    def validation_step(self, batch, batch_idx):
        pass

    def on_train_batch_end(self, outputs, batch, batch_idx) -> None:
        if self.global_step == self.stop_at:
            self.trainer.save_checkpoint(self.path)
            raise InterruptedError

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def test_lightning_resumes_in_the_middle_of_an_epoch(motion_folder: Path, tmp_path: Path) -> None:
    def fit(watching: Watching, checkpoint: Path | None = None) -> list[list[int]]:
        trainer = make_trainer(
            max_epochs=3,
            accelerator="cpu",
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=False,
            limit_val_batches=0,
        )
        trainer.fit(
            watching,
            datamodule=module(motion_folder, batch_size=3, num_workers=2),
            ckpt_path=checkpoint,
        )
        return watching.seen

    whole = fit(Watching())
    assert len(whole) == 3 * 5
    for stop_at in (7, 10):  # in the middle of the second epoch, and at its end
        path = tmp_path / f"{stop_at}.ckpt"
        stopped = Watching(stop_at, path)
        with pytest.raises(InterruptedError):
            fit(stopped)
        assert stopped.seen + fit(Watching(), path) == whole


def test_an_evaluation_batch_has_all_clips_of_its_videos(motion_folder: Path) -> None:
    data = module(motion_folder, batch_size=12, test_clips=2, test_crops=3)
    batches = list(data.test_dataloader())
    assert [batch["video_index"].tolist() for batch in batches] == [
        [first, first, first + 1, first + 1] for first in range(0, 8, 2)
    ]
    assert all(batch["clip_index"].tolist() == [0, 1, 0, 1] for batch in batches)
    assert batches[0]["video"].shape[:2] == (4, 3)
    large = module(motion_folder, batch_size=4, test_clips=2, test_crops=3)
    assert next(iter(large.test_dataloader()))["video"].shape[:2] == (2, 3)


def test_data_for_evaluation_alone_has_none_to_train_on(
    motion_folder: Path, tmp_path: Path
) -> None:
    link(motion_folder / "test", tmp_path / "Validation")
    data = module(tmp_path)
    assert data.class_names == sorted(MOTIONS)
    assert paths_of(data, "test") == paths_of(data, "val")
    with pytest.raises(ValueError, match="holds videos for val, and none to train on"):
        data.train_dataloader()


def test_a_list_may_have_names_and_lie_beside_its_videos(
    motion_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link(motion_folder / "train", tmp_path / "videos")
    names = sorted(f"{path.parent.name}/{path.name}" for path in tmp_path.glob("videos/*/*.mp4"))
    rows = [f'"videos/{name}",{name.split("/")[0]}' for name in names]
    (tmp_path / "list.csv").write_bytes("\r\n".join(["\ufeffpath,label", *rows]).encode())
    monkeypatch.chdir(motion_folder)
    data = module(tmp_path / "list.csv", val_fraction=0)
    assert data.class_names == sorted(MOTIONS)
    assert paths_of(data, "train") == [str(tmp_path / "videos" / name) for name in names]
    assert next(iter(data.test_dataloader()))["video"].shape[0] > 0


def test_a_video_that_is_listed_twice_stays_on_one_side(
    motion_folder: Path, tmp_path: Path
) -> None:
    videos = sorted((motion_folder / "train").glob("*/*.mp4"))
    rows = [f"{path} {index % 2}\n" for index, path in enumerate(videos)] * 2
    (tmp_path / "list.txt").write_text("".join(rows))
    data = module(tmp_path / "list.txt", val_fraction=0.5)
    assert not set(paths_of(data, "train")) & set(paths_of(data, "val"))
    assert len(data.splits["train"]) + len(data.splits["val"]) == len(rows)


def test_numbers_that_are_no_classes_are_refused(motion_folder: Path, tmp_path: Path) -> None:
    videos = sorted((motion_folder / "train").glob("*/*.mp4"))
    (tmp_path / "list.txt").write_text(
        "".join(f"{p} {150 * (n % 2)}\n" for n, p in enumerate(videos))
    )
    with pytest.raises(ValueError, match=r"list\.txt, line 2: label 150, but no video has 1"):
        module(tmp_path / "list.txt")
