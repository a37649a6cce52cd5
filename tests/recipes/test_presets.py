import inspect

import pytest

from pytorchvideo_clone.hub import model_entry
from pytorchvideo_clone.recipes.presets import PRESETS
from pytorchvideo_clone.recipes.train import train_classifier


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_a_call_of_train_classifier(name: str) -> None:
    settings = PRESETS[name]()
    inspect.signature(train_classifier).bind("data", **settings)
    assert model_entry(settings["model"]).task == "classification"
