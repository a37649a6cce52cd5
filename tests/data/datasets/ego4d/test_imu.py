import pickle
from pathlib import Path

import pytest
import torch

from pytorchvideo_clone.data.datasets.ego4d import Ego4dImuData, Ego4dImuDataBase, imu_window
from pytorchvideo_clone.data.datasets.ego4d.imu import IMU_COLUMNS, standardise

RATE = 200


def write_imu(folder: Path, uid: str, seconds: float = 4) -> torch.Tensor:
    """Measurements of which two lack a value; gives those that are whole, time first."""
    generator = torch.Generator().manual_seed(0)
    count = round(seconds * RATE)
    times = torch.arange(count).double() * 1000 / RATE
    table = torch.cat([times[:, None], torch.randn(count, 6, generator=generator).double()], 1)
    lines = ["component_idx,accl_z,canonical_timestamp_ms,gyro_x,gyro_y,gyro_z,accl_x,accl_y"]
    for k, (time, ax, ay, az, gx, gy, gz) in enumerate(table.tolist()):
        values = [0, az, time, gx, gy, gz, ax, "" if k in (7, 11) else ay]
        lines.append(",".join(map(str, values)))
    folder.mkdir(exist_ok=True)
    (folder / f"{uid}.csv").write_text("\n".join(lines) + "\n")
    whole = torch.ones(count, dtype=torch.bool)
    whole[[7, 11]] = False
    return table[whole]


def test_a_window_has_its_begin_and_not_its_end(tmp_path: Path) -> None:
    table = write_imu(tmp_path, "a")
    data = Ego4dImuData(tmp_path)
    sample = data.get_imu_sample("a", 1, 1.5)
    assert set(sample) == {"timestamp", "signal", "sampling_rate"}
    assert sample["timestamp"].tolist() == pytest.approx([1 + k / RATE for k in range(100)])
    inside = (table[:, 0] >= 1000) & (table[:, 0] < 1500)
    expected = standardise(table[:, 1:])[inside].float()
    torch.testing.assert_close(sample["signal"], expected)
    assert sample["signal"].shape == (100, 6)
    assert sample["sampling_rate"] == RATE


def test_windows_fit_together_and_the_whole_is_standardised(tmp_path: Path) -> None:
    table = write_imu(tmp_path, "a")
    data = Ego4dImuData(tmp_path)
    parts = [data.get_imu_sample("a", k / 3, (k + 1) / 3)["signal"] for k in range(12)]
    whole = torch.cat(parts)
    assert len(whole) == len(table)
    torch.testing.assert_close(whole.mean(0), torch.zeros(6), atol=1e-5, rtol=0)
    torch.testing.assert_close(whole.std(0, correction=0), torch.ones(6))
    assert data.get_imu_sample("a", 100, 101)["signal"].shape == (0, 6)


def test_only_what_is_there_can_be_had(tmp_path: Path) -> None:
    write_imu(tmp_path, "a")
    data = Ego4dImuData(str(tmp_path))
    assert data.has_imu("a") and not data.has_imu("b")
    with pytest.raises(FileNotFoundError):
        data.get_imu_sample("b", 0, 1)
    (tmp_path / "c.csv").write_text("canonical_timestamp_ms,accl_x\n0,1\n")
    with pytest.raises(ValueError, match=r"c\.csv has no column accl_y"):
        data.get_imu_sample("c", 0, 1)
    columns = ["canonical_timestamp_ms", *IMU_COLUMNS]
    (tmp_path / "d.csv").write_text(",".join(columns) + "\n5,1,2,3,4,5,6\n")
    assert data.get_imu_sample("d", 0, 1)["signal"].tolist() == [[0] * 6]


def test_recordings_in_memory_are_few_and_stay_at_home(tmp_path: Path) -> None:
    data = Ego4dImuData(tmp_path)
    for uid in "abcdefgh":
        write_imu(tmp_path, uid, seconds=0.1)
        data.get_imu_sample(uid, 0, 1)
    assert len(data._loaded) <= 4
    copy = pickle.loads(pickle.dumps(data))
    assert len(copy._loaded) == 0 and len(copy.get_imu_sample("a", 0, 1)["signal"]) == 18
    assert isinstance(copy, Ego4dImuDataBase)


def test_a_rate_gives_windows_of_one_length() -> None:
    times = torch.linspace(0, 10, 1987, dtype=torch.float64)
    signal = torch.stack([times, 2 * times], 1).float()
    for start in (0, 0.333, 4.2, 8.0):
        at, window = imu_window(times, signal, start, start + 1.5, rate=64)
        assert window.shape == (96, 2)
        torch.testing.assert_close(window[:, 0].double(), at, atol=1e-5, rtol=0)
        torch.testing.assert_close(window[:, 1], 2 * window[:, 0], atol=1e-5, rtol=0)
    assert imu_window(times, signal, 9, 12, rate=10)[1][-1, 0] == 10
    with pytest.raises(ValueError, match="no measurement"):
        imu_window(times[:0], signal[:0], 0, 1, rate=10)


def test_a_channel_that_never_changes_becomes_zero() -> None:
    assert standardise(torch.full((5, 2), 9.8)).tolist() == [[0, 0]] * 5
