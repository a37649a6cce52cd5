import logging
import warnings

import pytest

from pytorchvideo_clone.recipes.quiet import quiet_lightning
from pytorchvideo_clone.recipes.train import make_trainer


def test_a_trainer_says_nothing_about_itself(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "lightning.pytorch.utilities.rank_zero"):
        make_trainer(max_epochs=1, accelerator="cpu", enable_progress_bar=False)
        logging.getLogger("lightning.pytorch.utilities.rank_zero").info("`Trainer.fit` stopped")
    said = [record.message for record in caplog.records]
    assert said == ["`Trainer.fit` stopped"]
    assert capsys.readouterr().err.count("available") == 0


def test_other_warnings_are_left_alone() -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        quiet_lightning()
        warnings.warn("`isinstance(treespec, LeafSpec)` is deprecated", FutureWarning, stacklevel=1)
        warnings.warn("the loss is not finite", UserWarning, stacklevel=1)
    assert [str(warning.message) for warning in seen] == ["the loss is not finite"]
