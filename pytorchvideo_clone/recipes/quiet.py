"""What Lightning says about itself at every start, and not about the run."""

import logging
import re
import warnings

__all__ = ["quiet_lightning"]

_LOGGERS = ("lightning.pytorch.utilities.rank_zero", "lightning.fabric.utilities.rank_zero")
_ABOUT_ITSELF = re.compile(
    "Tip: For seamless|(GPU|TPU|HPU) available: |Loading `train_dataloader` to estimate"
)


def quiet_lightning() -> None:
    """Leave out advertisements, lists of devices, and a warning about its own use of torch.

    What it says about the run stays, as do all other warnings.
    """
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_is_about_the_run)  # once, however often it is added
    warnings.filterwarnings("ignore", message=r".*isinstance\(treespec, LeafSpec\)")


def _is_about_the_run(record: logging.LogRecord) -> bool:
    return not _ABOUT_ITSELF.search(str(record.msg))
