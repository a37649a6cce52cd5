"""Ego4D's inertial measurements: what the head did, as windows of numbers."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pytorchvideo_clone.data import files
from pytorchvideo_clone.data.files import PathLike
from pytorchvideo_clone.data.video import Seconds

__all__ = ["IMU_COLUMNS", "Ego4dImuData", "Ego4dImuDataBase", "imu_window", "standardise"]

IMU_COLUMNS = ("accl_x", "accl_y", "accl_z", "gyro_x", "gyro_y", "gyro_z")
_TIME_COLUMN = "canonical_timestamp_ms"

# Recordings kept in memory: clips of one video tend to come together.
_MOST_LOADED = 4


def standardise(signal: Tensor) -> Tensor:
    """Give every column the mean 0 and the standard deviation 1 over the recording.

    Args:
        signal: (N, channels), floating; a column without any change becomes 0.

    >>> standardise(torch.tensor([[1.0, 5.0], [3.0, 5.0]]))
    tensor([[-1.,  0.],
            [ 1.,  0.]])
    """
    deviation = signal.std(0, correction=0)
    return (signal - signal.mean(0)) / torch.where(deviation > 0, deviation, 1)


def imu_window(
    timestamps_sec: Tensor,
    signal: Tensor,
    start_sec: Seconds,
    end_sec: Seconds,
    rate: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Cut the window [start_sec, end_sec) out of a recording.

    Args:
        timestamps_sec: (N,) ascending, seconds.
        signal: (N, channels).
        start_sec: seconds, included.
        end_sec: seconds, excluded.
        rate: None for the measurements as they are, whose number varies from window to window; else
            that many a second, interpolated between them, (end_sec - start_sec) * rate to the
            nearest. Beyond the recording its first or last measurement stays.

    Returns:
        Times (M,) and measurements (M, channels).

    Raises:
        ValueError: if `rate` is given, but there is no measurement at all.

    >>> times = torch.arange(10) / 10
    >>> times, values = imu_window(times, torch.arange(20.0).view(10, 2), 0.25, 0.5)
    >>> values[:, 0]
    tensor([6., 8.])
    """
    if rate is None:
        inside = (timestamps_sec >= float(start_sec)) & (timestamps_sec < float(end_sec))
        return timestamps_sec[inside], signal[inside]
    if len(timestamps_sec) == 0:
        raise ValueError(
            "there is no measurement to interpolate; without rate the window is empty."
        )
    count = round(float(end_sec - start_sec) * rate)
    times = float(start_sec) + torch.arange(count, dtype=torch.float64) / rate
    known = timestamps_sec.double().numpy()
    columns = [np.interp(times.numpy(), known, column.numpy()) for column in signal.T]
    return times, torch.from_numpy(np.stack(columns, 1)).to(signal.dtype)


class Ego4dImuDataBase(ABC):
    """Where the measurements of a video come from.

    Args:
        basepath: path or URL of the folder with all of them.
    """

    def __init__(self, basepath: PathLike) -> None:
        self.basepath = basepath

    @abstractmethod
    def has_imu(self, video_uid: str) -> bool:
        """Say whether there are measurements of a video."""

    @abstractmethod
    def get_imu_sample(
        self, video_uid: str, video_start: Seconds, video_end: Seconds
    ) -> dict[str, Any]:
        """Give the measurements in [video_start, video_end), seconds of the video."""


class Ego4dImuData(Ego4dImuDataBase):
    r"""Measurements in a csv file for each video, `<imu_path>/<video_uid>.csv`.

    The columns are `canonical_timestamp_ms` and those of `IMU_COLUMNS`, among others and in any
    order; lines that lack a value are left out.

    Args:
        imu_path: path or URL of the folder.

    >>> import tempfile
    >>> from pathlib import Path
    >>> folder = tempfile.mkdtemp()
    >>> header = ",".join(["canonical_timestamp_ms", *IMU_COLUMNS])
    >>> _ = Path(folder, "a.csv").write_text(f"{header}\n0,1,2,3,4,5,6\n5,3,4,5,6,7,8\n")
    >>> Ego4dImuData(folder).get_imu_sample("a", 0, 0.005)["signal"]
    tensor([[-1., -1., -1., -1., -1., -1.]])
    """

    def __init__(self, imu_path: PathLike) -> None:
        super().__init__(imu_path)
        self._loaded: dict[str, tuple[Tensor, Tensor]] = {}

    def has_imu(self, video_uid: str) -> bool:
        """Say whether there is a file for the video."""
        return files.exists(self._path(video_uid))

    def get_imu_sample(
        self, video_uid: str, video_start: Seconds, video_end: Seconds
    ) -> dict[str, Any]:
        """Give the measurements in [video_start, video_end).

        Returns:
            `timestamp` (N,) float64, seconds of the video; `signal` (N, 6) float32, standardised
            over the recording; `sampling_rate`, measurements a second, a whole number.

        Raises:
            FileNotFoundError: if there is no file for the video.
            ValueError: if it lacks a column.
        """
        if video_uid not in self._loaded:
            while len(self._loaded) >= _MOST_LOADED:
                del self._loaded[next(iter(self._loaded))]
            self._loaded[video_uid] = self._load(video_uid)
        times, signal = self._loaded[video_uid]
        rate = round(1 / float(times.diff().median())) if len(times) > 1 else 0
        timestamp, window = imu_window(times, signal, video_start, video_end)
        return {"timestamp": timestamp, "signal": window, "sampling_rate": rate}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_loaded": {}}

    def _path(self, video_uid: str) -> str:
        return f"{str(self.basepath).rstrip('/')}/{video_uid}.csv"

    def _load(self, video_uid: str) -> tuple[Tensor, Tensor]:
        path = self._path(video_uid)
        with files.open_file(path) as file:
            header = file.readline().decode().strip().split(",")
            wanted = [_TIME_COLUMN, *IMU_COLUMNS]
            missing = [name for name in wanted if name not in header]
            if missing:
                raise ValueError(f"{path} has no column {', '.join(missing)}.")
            table = np.genfromtxt(file, delimiter=",", usecols=[header.index(n) for n in wanted])
        table = np.atleast_2d(table.reshape(-1, len(wanted)))
        table = table[np.isfinite(table).all(1)]
        rows = torch.from_numpy(table[np.argsort(table[:, 0], kind="stable")])
        return rows[:, 0] / 1000, standardise(rows[:, 1:]).float()
