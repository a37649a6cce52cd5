from pathlib import Path

import pytest
import torch

from pytorchvideo_clone.hub import list_models

ROOT = Path(__file__).parent.parent


def test_a_model_loads_from_a_clone() -> None:
    model = torch.hub.load(str(ROOT), "slow_r50", source="local", pretrained=False)
    assert model.blocks[5].proj.out_features == 400


def test_arguments_reach_the_model() -> None:
    model = torch.hub.load(str(ROOT), "x3d_xs", source="local", num_classes=3, progress=False)
    assert model.blocks[5].proj.out_features == 3


def test_every_model_is_listed_with_its_help(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # torch.hub lists repositories of GitHub only, from its cache if they are there.
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    (tmp_path / "someone_clone_main").symlink_to(ROOT, target_is_directory=True)
    repository = {"github": "someone/clone:main", "skip_validation": True, "trust_repo": True}
    assert sorted(torch.hub.list(**repository)) == sorted(list_models())
    help_text = torch.hub.help(model="slow_r50", **repository)
    assert "Slow ResNet-50" in help_text
    assert "pretrained: load the published weights" in help_text
