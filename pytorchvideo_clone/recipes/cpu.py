"""What makes a run on a CPU faster, without being asked for."""

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_info
from torch import nn

from pytorchvideo_clone.accelerator import restore_model
from pytorchvideo_clone.accelerator.train_cpu import speed_up_convolutions

__all__ = ["FastConvolutions"]


class FastConvolutions(Callback):
    """On a CPU, compute 3D convolutions by cheaper equivalents for the length of a run.

    Only their classes change, and change back: parameters, keys and checkpoints are those of the
    model, and may come from or go to another device.
    """

    def __init__(self) -> None:
        self.layers: list[nn.Module] = []

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Change the plain convolutions; those that were changed before stay so afterwards."""
        if trainer.strategy.root_device.type != "cpu":
            return
        plain = [layer for layer in pl_module.modules() if type(layer) is nn.Conv3d]
        speed_up_convolutions(pl_module)
        self.layers = [layer for layer in plain if type(layer) is not nn.Conv3d]
        if self.layers:
            rank_zero_info(f"{len(self.layers)} 3D convolutions computed in their form for CPUs")

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Change them back."""
        for layer in self.layers:
            restore_model(layer)
        self.layers = []

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Change them back where the run stops half-way."""
        self.teardown(trainer, pl_module, "")
