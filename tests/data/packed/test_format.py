from dataclasses import replace

import numpy as np
import pytest

from pytorchvideo_clone.data.packed import StoreError
from pytorchvideo_clone.data.packed.format import (
    KEY,
    PACKET,
    RecordHeader,
    join_record,
    split_record,
)


def test_a_record_is_read_as_it_was_written() -> None:
    header = RecordHeader("h264", 4, 6, [1, 30], 5, None, [7, 30], 2, 3, 9, [1, 2])
    packets = np.array([(0, 0, 2, 7, KEY), (1, 2, 3, 8, 0)], PACKET)
    data, crc32 = join_record(header, packets, b"abc", b"vwxyz")
    record = split_record(memoryview(data), crc32, "video")
    assert record.header == header
    assert (record.packets == packets).all()
    assert (bytes(record.audio), bytes(record.payload)) == (b"abc", b"vwxyz")


def test_a_changed_head_is_refused() -> None:
    header = RecordHeader("jpeg", 4, 6, (1, 30), 5, (30, 1), (7, 30), 1)
    data, crc32 = join_record(header, np.zeros(1, PACKET), b"", b"z")
    for place in range(len(data) - 1):
        changed = bytearray(data)
        changed[place] ^= 1
        with pytest.raises(StoreError, match="cannot read video: the table of its packets"):
            split_record(memoryview(bytes(changed)), crc32, "video")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("codec", "hevc"),
        ("height", -4),
        ("width", 6.5),
        ("time_base", (1, 0)),
        ("time_base", (0, 30)),
        ("start_pts", "5"),
        ("rate", (30,)),
        ("duration", (-7, 30)),
        ("num_packets", -1),
        ("audio_bytes", 10**12),
        ("audio_start", None),
    ],
)
def test_a_head_that_describes_no_video_is_refused(field: str, value: object) -> None:
    header = RecordHeader("jpeg", 4, 6, (1, 30), 5, (30, 1), (7, 30), 1)
    data, crc32 = join_record(replace(header, **{field: value}), np.zeros(1, PACKET), b"", b"z")
    with pytest.raises(StoreError, match="the table of its packets is damaged"):
        split_record(memoryview(data), crc32, "video")
