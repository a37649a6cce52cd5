import logging
from pathlib import Path

import pytest
import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torch.utils.data import DataLoader

from pytorchvideo_clone.accelerator import transmute_model
from pytorchvideo_clone.accelerator.train_cpu import CpuConv3d
from pytorchvideo_clone.recipes import make_trainer


class Task(LightningModule):
    def __init__(self, fail: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(
            nn.Conv3d(3, 4, (1, 3, 3), (1, 2, 2), padding=(0, 1, 1)),
            nn.Conv3d(4, 4, 3, padding=1, groups=4),
            nn.BatchNorm3d(4),
            nn.Conv3d(4, 4, (3, 1, 1), padding=(1, 0, 0)),
        )
        self.fail = fail
        self.kinds: set[type] = set()

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        self.kinds |= {type(layer) for layer in self.net}
        if self.fail:
            raise RuntimeError("half-way")
        return self.net(batch).square().mean()

    def test_step(self, batch: Tensor, batch_idx: int) -> None:
        self.kinds |= {type(layer) for layer in self.net}

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


def fit(task: Task, folder: Path) -> Task:
    torch.manual_seed(1)
    loader = DataLoader(torch.randn(4, 3, 4, 8, 8), batch_size=2)
    trainer = make_trainer(
        max_epochs=1,
        accelerator="cpu",
        devices=1,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        default_root_dir=folder,
    )
    trainer.fit(task, loader)
    trainer.save_checkpoint(folder / "last.ckpt")
    return task


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
def test_a_run_on_a_cpu_uses_fast_convolutions_and_gives_the_model_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "lightning.pytorch.utilities.rank_zero")
    task = fit(Task(), tmp_path)
    assert task.kinds == {CpuConv3d, nn.BatchNorm3d}
    assert {type(layer) for layer in task.net} == {nn.Conv3d, nn.BatchNorm3d}
    assert sum("3 3D convolutions" in line for line in caplog.messages) == 1
    saved = torch.load(tmp_path / "last.ckpt", weights_only=True)["state_dict"]
    assert list(saved) == list(Task().state_dict())
    # The same steps by torch's own convolutions.
    plain = Task()
    torch.manual_seed(1)
    optimizer = plain.configure_optimizers()
    for batch in torch.randn(4, 3, 4, 8, 8).split(2):
        optimizer.zero_grad()
        plain.training_step(batch, 0).backward()
        optimizer.step()
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(saved[name], value, rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
def test_a_run_that_fails_gives_the_model_back_and_so_does_a_transmuted_one(tmp_path: Path) -> None:
    failing = Task(fail=True)
    with pytest.raises(RuntimeError, match="half-way"):
        fit(failing, tmp_path)
    assert failing.kinds == {CpuConv3d, nn.BatchNorm3d}
    assert type(failing.net[0]) is nn.Conv3d
    own = Task()
    transmute_model(own.net, "cpu")
    fit(own, tmp_path)
    assert type(own.net[0]) is CpuConv3d
