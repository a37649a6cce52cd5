"""The videos that a run could not read."""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from torch.utils.data import DataLoader, Subset

from pytorchvideo_clone.data import ClipDataset

__all__ = ["FaultReports"]


class FaultReports(Callback):
    """Collect what the data sets of a run could not read, over all ranks, and log it every epoch.

    Attributes:
        causes: what was wrong with each video: path -> cause; travels in the checkpoint.
        refusals: why PyAV read videos in place of the decoder asked for: cause -> one of them.
    """

    def __init__(self) -> None:
        self.causes: dict[str, str] = {}
        self.refusals: dict[str, str] = {}

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the training videos of the epoch that ends."""
        self._collect(trainer.train_dataloader)

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Let each validation have a report of its own."""
        for dataset in _datasets(trainer.val_dataloaders):
            dataset.set_epoch(trainer.current_epoch)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the validation videos."""
        self._collect(trainer.val_dataloaders)

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the test videos."""
        self._collect(trainer.test_dataloaders)

    def state_dict(self) -> dict[str, Any]:
        """Give what a checkpoint stores."""
        return {"causes": self.causes}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up where a checkpoint stopped."""
        self.causes = dict(state_dict["causes"])

    def _collect(self, loaders: Any) -> None:
        for dataset in _datasets(loaders):
            report = dataset.fault_log.log_once(dataset.epoch, all_ranks=True)
            self.causes = dict(sorted({**report.causes, **self.causes}.items()))
            self.refusals = {**report.refusals, **self.refusals}


def _datasets(loaders: Any) -> list[ClipDataset]:
    """The clips behind one loader, or several."""
    found = []
    for loader in loaders if isinstance(loaders, list) else [loaders]:
        dataset = loader.dataset if isinstance(loader, DataLoader) else None
        while isinstance(dataset, Subset):
            dataset = dataset.dataset
        if isinstance(dataset, ClipDataset):
            found.append(dataset)
    return found
