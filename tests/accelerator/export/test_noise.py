import logging
import os
import warnings

import pytest

from pytorchvideo_clone.accelerator.export.noise import quiet_import, quiet_native


def test_only_what_cpuinfo_writes_past_python_is_left_out(capfd: pytest.CaptureFixture) -> None:
    with quiet_native():
        os.write(2, b"[cpuinfo_utils.cpp:71] Reading file /sys/devices/soc0/image_version\n")
        os.write(2, b"[xnnpack.cpp:9] out of memory\n")
    assert capfd.readouterr().err == "[xnnpack.cpp:9] out of memory\n"
    with pytest.raises(ValueError, match="damaged"), quiet_native():
        os.write(2, b"a reason\n")
        raise ValueError("damaged")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "a reason\nafter\n"


def test_only_what_torch_says_about_torchao_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    registry = logging.getLogger("torch.utils._pytree")
    known = "%s is an Enum subclass and is now natively supported by torch.compile as an opaque"
    with quiet_import():
        registry.warning(known, "KernelPreference")
        registry.warning("another thing")
        warnings.warn("experimental", UserWarning, stacklevel=1)
    assert [record.message for record in caplog.records] == ["another thing"]
    registry.warning(known, "KernelPreference")
    assert len(caplog.records) == 2
