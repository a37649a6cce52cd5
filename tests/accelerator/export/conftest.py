import pytest

from pytorchvideo_clone._optional import require_torch

# Targets that need a newer torch than the core does.
NEEDED = {"onnx": "2.14", "executorch": "2.13"}


@pytest.fixture(autouse=True)
def torch_is_new_enough(request: pytest.FixtureRequest) -> None:
    """Skip the tests of a target, named in the parameters or the file, that this torch lacks."""
    parameters = getattr(getattr(request.node, "callspec", None), "params", {})
    for target, version in NEEDED.items():
        if target in parameters.values() or request.path.stem == f"test_{target}":
            try:
                require_torch(version, target)
            except ImportError as error:
                pytest.skip(str(error))
