from pathlib import Path

import pytest

# Named here, it holds for the tests of this folder as well.
from tests.accelerator.export.conftest import torch_is_new_enough as torch_is_new_enough


@pytest.fixture(scope="session")
def two_classes(motion_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A quarter of the videos, for what does not depend on how many there are."""
    folder = tmp_path_factory.mktemp("two")
    for name in ("pan_left", "zoom_in"):
        (folder / name).symlink_to(motion_folder / "train" / name)
    return folder
