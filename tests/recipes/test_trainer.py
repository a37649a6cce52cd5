import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from lightning.fabric.plugins.environments import (
    LightningEnvironment,
    SLURMEnvironment,
    TorchElasticEnvironment,
)
from lightning.pytorch.callbacks import RichProgressBar

from pytorchvideo_clone.hub import create_model, load_bundle, model_entry
from pytorchvideo_clone.recipes.cpu import FastConvolutions
from pytorchvideo_clone.recipes.data_module import VideoDataModule
from pytorchvideo_clone.recipes.evaluate import evaluate_classifier
from pytorchvideo_clone.recipes.modules import ClassificationModule
from pytorchvideo_clone.recipes.records import History
from pytorchvideo_clone.recipes.trainer import PRECISIONS, make_trainer

SPEC = model_entry("x3d_tiny").input_spec
QUIET = {
    "accelerator": "cpu",
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "enable_checkpointing": False,
}


def fit(path: Path, **options) -> tuple[ClassificationModule, list[float]]:
    """Train; give the module and the learning rates of the steps."""
    data = VideoDataModule(path, SPEC, batch_size=2, num_workers=0)
    module = ClassificationModule(
        create_model("x3d_tiny", num_classes=2), SPEC, data.class_names, lr=0.1, warmup_epochs=1
    )
    rates: list[float] = []
    module.on_train_batch_start = lambda *_: rates.append(module.optimizers().param_groups[0]["lr"])
    make_trainer(**{**QUIET, **options}).fit(module, datamodule=data)
    return module, rates


@pytest.mark.filterwarnings("ignore:You passed.*16-mixed.*but AMP with fp16 is not supported")
@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_precision_that_is_offered_trains(two_classes: Path, precision: str) -> None:
    module, rates = fit(two_classes, max_epochs=1, precision=precision, limit_train_batches=1)
    assert len(rates) == 1
    weights = list(module.model.parameters())
    assert all(bool(weight.isfinite().all()) for weight in weights)
    kind = {"16-true": torch.float16, "bf16-true": torch.bfloat16, "64-true": torch.float64}
    assert {weight.dtype for weight in weights} == {kind.get(precision, torch.float32)}


def test_other_precisions_are_refused() -> None:
    for precision in ("transformer-engine", "transformer-engine-float16", "8-true"):
        with pytest.raises(ValueError, match="choose one of 32-true, 16-mixed"):
            make_trainer(precision=precision)
    assert make_trainer(precision="bf16", **QUIET).precision == "bf16-mixed"


@pytest.mark.filterwarnings("ignore:You requested to overfit but enabled")
def test_overfitting_takes_the_same_videos_each_epoch(two_classes: Path) -> None:
    seen: list[list[int]] = []

    class Noting(ClassificationModule):
        def training_step(self, batch, batch_idx):
            seen.append(batch["video_index"].tolist())
            return super().training_step(batch, batch_idx)

    data = VideoDataModule(two_classes, SPEC, batch_size=2, num_workers=0)
    module = Noting(create_model("x3d_tiny", num_classes=2), SPEC, data.class_names)
    make_trainer(max_epochs=3, overfit_batches=1, **QUIET).fit(module, datamodule=data)
    assert seen == [[0, 1]] * 3


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        ({"max_steps": 3}, 3),  # 1.5 epochs of 2 steps, the first to warm up
        ({"max_steps": 3, "max_epochs": -1}, 3),
        ({"max_epochs": 3, "accumulate_grad_batches": 2}, 6),
        ({"max_epochs": 3, "limit_train_batches": 1}, 3),
        ({"max_epochs": 0}, 0),
        ({"max_epochs": 1, "limit_train_batches": 0}, 0),
        ({"fast_dev_run": True}, 1),
    ],
)
def test_the_warm_up_is_that_of_the_steps_that_are_taken(
    two_classes: Path, options: dict, steps: int
) -> None:
    _, rates = fit(two_classes, limit_val_batches=0, **options)
    assert len(rates) == steps
    if steps > 1:
        assert rates[0] == pytest.approx(0.001)  # a hundredth
        assert max(rates) <= 0.1
    if options == {"max_steps": 3}:
        assert rates[1] < rates[2] == pytest.approx(0.1 * 0.25)  # cosine after 2 of 3 steps


def test_a_run_without_an_end_is_refused(two_classes: Path) -> None:
    with pytest.raises(ValueError, match="this run has no end"):
        fit(two_classes, max_epochs=-1)


@pytest.mark.parametrize(("given", "count"), [(None, 0), ([], 0), (History(), 1), ([History()], 1)])
def test_callbacks_are_given_as_lightning_takes_them(given: object, count: int) -> None:
    trainer = make_trainer(callbacks=given, accelerator="cpu", enable_progress_bar=False)
    assert sum(isinstance(one, History) for one in trainer.callbacks) == count
    assert sum(isinstance(one, FastConvolutions) for one in trainer.callbacks) == 1


def test_progress_is_shown_where_it_is_wanted() -> None:
    for options, shown in (({}, 1), ({"enable_progress_bar": False}, 0), ({"barebones": True}, 0)):
        trainer = make_trainer(accelerator="cpu", **options)
        assert sum(isinstance(one, RichProgressBar) for one in trainer.callbacks) == shown


TORCHRUN = {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
SRUN = {
    "SLURM_JOB_NAME": "bash",  # for which Lightning would start copies
    "SLURM_NTASKS": "4",
    "SLURM_STEP_NUM_TASKS": "4",
    "SLURM_STEP_NUM_NODES": "2",
    "SLURM_PROCID": "3",
    "SLURM_LOCALID": "1",
    "SLURM_NODEID": "1",
}


@pytest.mark.parametrize(
    ("told", "environment", "world", "rank"),
    [
        ({}, LightningEnvironment, 1, 0),
        (TORCHRUN, TorchElasticEnvironment, 2, 1),
        (SRUN, SLURMEnvironment, 4, 3),
        # A batch script: one process of an allocation for four.
        ({"SLURM_NTASKS": "4", "SLURM_PROCID": "0"}, LightningEnvironment, 1, 0),
    ],
)
def test_started_processes_share_the_work(
    monkeypatch: pytest.MonkeyPatch, told: dict, environment: type, world: int, rank: int
) -> None:
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    trainer = make_trainer(**QUIET)
    assert isinstance(trainer._accelerator_connector.cluster_environment, environment)
    assert (trainer.world_size, trainer.global_rank) == (world, rank)


def test_other_devices_than_were_started_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in TORCHRUN.items():
        monkeypatch.setenv(name, value)
    assert make_trainer(devices=2, **QUIET).world_size == 2
    with pytest.raises(ValueError, match="devices is 1, but torchrun started 2 processes"):
        make_trainer(devices=1, **QUIET)


SCRIPT = """
import json, os, sys
from pathlib import Path
from pytorchvideo_clone.cli import main
from pytorchvideo_clone.recipes.modules import ClassificationModule

data, output = Path(sys.argv[1]), Path(sys.argv[2])
seen = []
step = ClassificationModule.training_step

def note(module, batch, batch_idx):
    seen.append(batch["video_index"].tolist())
    return step(module, batch, batch_idx)

ClassificationModule.training_step = note
main(f"train {data} --output {output / 'run'} --epochs 1 --batch-size 4 --num-workers 0"
     " --val-fraction 0 --accelerator cpu --enable-progress-bar false".split())
(output / f"seen{os.environ['RANK']}.json").write_text(json.dumps(seen))
main(f"evaluate {output / 'run' / 'model.pth'} {data} --num-workers 0 --batch-size 5 --clips 3"
     f" --output {output / 'numbers.json'}".split())
main(["predict", str(output / "run" / "model.pth"), str(data)])
"""


@pytest.mark.slow
def test_two_processes_of_torchrun_share_training_and_evaluation(
    motion_folder: Path, tmp_path: Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    shown = subprocess.run(
        [sys.executable, *launcher, script, motion_folder, tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    first, second = (json.loads((tmp_path / f"seen{rank}.json").read_text()) for rank in (0, 1))
    assert len(first) == len(second) == 3  # of 24 videos in batches of 4
    assert sorted(index for batch in first + second for index in batch) == list(range(24))
    # Each says and writes its part once.
    lines = shown.stdout.splitlines()
    assert sum(line.startswith("epoch 1/1") for line in lines) == 1, shown.stderr[-2000:]
    assert sum(line.startswith("top-1") for line in lines) == 1
    assert (tmp_path / "run" / "metrics.jsonl").read_text().count("\n") == 1
    assert "predict runs in one process, but torchrun started 2" in shown.stderr
    # Each rank has every other video, with all of its views.
    model, bundle = load_bundle(tmp_path / "run" / "model.pth")
    alone = evaluate_classifier(
        model,
        SPEC,
        bundle.class_names,
        motion_folder,
        clips=3,
        batch_size=5,
        num_workers=0,
        accelerator="cpu",
        enable_progress_bar=False,
    )
    assert json.loads((tmp_path / "numbers.json").read_text()) == alone.to_dict()
