"""When the frames of a file are shown, where its time stamps do not tell.

The order in which a decoder gives its frames is that of their showing, whatever a container says:
AVI states no times at all, program streams state a few, writers forget that frames were reordered,
and files joined end to end begin anew. The decoder, given packets that carry their number, says
which packet each frame comes from; times are repaired to that order (`timeline`).
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import islice, pairwise
from typing import TYPE_CHECKING

import av

from pytorchvideo_clone.data.decoders.losses import PacketPlace, has_its_index, lost_before
from pytorchvideo_clone.data.decoders.timeline import PacketTimes, Timeline
from pytorchvideo_clone.data.video import VideoReadError

if TYPE_CHECKING:
    from pytorchvideo_clone.data.decoders.packets import PacketReader

__all__ = [
    "OTHER_ORDER",
    "count_frames",
    "doubt",
    "find_timeline",
    "in_order",
    "shown_packets",
]

OTHER_ORDER = "times in another order than that of the decoder"
_NO_KEYS = "frames that are called key frames and are none"

# Containers that state when a frame is shown: their first packets tell whether they do.
_STATE_TIMES = {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "flv", "nut", "ivf", "gif"}
# Most files with reordered frames show it in these; the others are looked at longer.
_FIRST_PACKETS, _MORE_PACKETS = 8, 24
# Containers in which a seek finds the packets that it should.
_SEEKABLE = _STATE_TIMES | {"avi", "mpegts", "ogg"}
# Codecs of which FFmpeg's parser tells which frames are reordered, where AVI does not.
_PARSED = {"mpeg4", "mpeg1video", "mpeg2video"}
# Codecs of which FFmpeg's readers call every frame a key frame.
_ALL_KEYS = {"h263"}


def find_timeline(reader: "PacketReader") -> Timeline | None:
    """Look whether the times of a file's packets can be trusted, and if not, count its frames.

    Args:
        reader: of a file that was just opened.

    Returns:
        None if they can.

    Raises:
        VideoReadError: if it has no frames, or no times.
    """
    context = reader.stream.codec_context
    container = reader.container_name
    counts = container == "avi" and not context.has_b_frames and has_its_index(reader)
    if container not in _STATE_TIMES and not counts:
        return count_frames(reader)
    following = reader.packets()
    packets = list(islice(following, _FIRST_PACKETS))
    if context.name in _ALL_KEYS and all(packet.is_keyframe for packet in packets):
        return count_frames(reader)
    if doubt([PacketTimes.of(packet) for packet in packets], context.has_b_frames) is None:
        return None
    packets += islice(following, _MORE_PACKETS)
    times = [PacketTimes.of(packet) for packet in packets]
    if any(packet.is_keyframe for packet in times):
        # What lies before the first may be lost; the container says where zero is all the same.
        times[:1] = [packet._replace(is_keyframe=True) for packet in times[:1]]
    reason = doubt(times, context.has_b_frames)
    # A decoder that might reorder frames may find none to reorder.
    if reason is None or (
        reason == OTHER_ORDER and in_order(times, shown_packets(context, packets))
    ):
        return None
    return count_frames(reader, reason)


def count_frames(reader: "PacketReader", reason: str | None = None) -> Timeline | None:
    """Say when all frames are shown.

    Args:
        reader: of a file, without a timeline.
        reason: to doubt the packets' times; None to look for one.

    Returns:
        None if the packets do tell it, and can be sought.

    Raises:
        VideoReadError: if there are no frames, or no times.
    """
    context, avi = reader.stream.codec_context, reader.container_name == "avi"
    times, places = [], []
    for packet in reader.scan():
        times.append(PacketTimes.of(packet))
        places.append(PacketPlace(packet.pos, packet.size))
    if not times:
        raise VideoReadError("its video stream has no frames")
    if all(packet.pts is None for packet in times):
        raise VideoReadError(
            "its packets have no time stamps (a raw stream); put it into a container first: "
            "ffmpeg -r RATE -i VIDEO -c copy VIDEO.mp4"
        )
    if context.name in _ALL_KEYS and all(packet.is_keyframe for packet in times):
        reason = _NO_KEYS
        times = [packet._replace(is_keyframe=not number) for number, packet in enumerate(times)]
    reason = reason or doubt(times, context.has_b_frames)
    shown = sorted(range(len(times)), key=lambda number: times[number].pts or 0)
    settled = avi and context.name in _PARSED and shown == sorted(shown)
    if reason is not None and not settled:
        shown = shown_packets(reader.stream.codec_context, reader.scan())
        if not shown:
            return None  # whoever asks for a frame is told why there is none
    if reason == _NO_KEYS:
        return Timeline.of(times, shown, reader.gap)
    missing = reader.stream.frames - len(times) if avi and reader.stream.frames else 0
    some = 0 < abs(missing) <= len(times) // 2  # else the header is wrong
    lost = lost_before(reader, places) if some or not avi else []
    if lost and some:
        return _avi_with_losses(reader, times, shown, lost, missing)
    if lost:
        return Timeline.of(times, shown, reader.gap, lost, zero=0 if lost[0] == 0 else None)
    if avi and len(shown) == len(times) and [t.dts for t in times] == list(range(len(times))):
        # It counts its frames, in the order of decoding.
        # A packet of an AVI has both times or none.
        late = {packet.pts - packet.dts for packet in times}  # type: ignore[operator]
        if shown == sorted(shown) and len(late) == 1:
            return None
        times = [packet._replace(pts=packet.dts) for packet in times]
    elif (
        reason in (None, OTHER_ORDER)
        and reader.container_name in _SEEKABLE
        and (reader.container_name in _STATE_TIMES or shown[:1] == [0])
        and in_order(times, shown)
    ):
        return None
    states_zero = reader.container_name in _STATE_TIMES
    zero = min((t.pts for t in times if t.pts is not None), default=None) if states_zero else None
    return Timeline.of(times, shown, reader.gap, zero=zero)


def _avi_with_losses(
    reader: "PacketReader",
    times: Sequence[PacketTimes],
    shown: Sequence[int],
    lost: Sequence[int],
    missing: int,
) -> Timeline:
    """Count the frames of an AVI from both of its ends, as its header says how many there were.

    Args:
        reader: of the file.
        times: of all packets.
        shown: as `shown_packets` gives it.
        lost: numbers of packets before which some were lost.
        missing: how many packets there are too few; less than 0 if some are there twice.
    """
    uncertain = range(lost[0], max(lost[-1], lost[0] - missing))
    counted = [n + (missing if n >= uncertain.stop else 0) for n in range(len(times))]
    times = [t._replace(pts=n, dts=n) for t, n in zip(times, counted, strict=True)]
    if missing < 0:
        shown = [number for number in shown if number not in uncertain] or shown
    else:
        lost = [*uncertain, *lost]
    # One that is shown after a lost one is not where it is counted.
    after = next((place for place, number in enumerate(shown) if number >= lost[0]), len(shown))
    lost = [*lost, *(number for number in shown[after:] if number < lost[0])]
    return Timeline.of(times, shown, reader.gap, lost, zero=0)


def doubt(times: Sequence[PacketTimes], reorders: bool) -> str | None:
    """Say why the times of packets may not be those of their frames; None if nothing shows.

    Args:
        times: of packets in the order of the file, from its begin.
        reorders: whether the decoder holds frames back to show them later.
    """
    begins = [packet.pts for packet in times if packet.pts is not None]
    decoded = [packet.dts for packet in times if packet.dts is not None]
    if len(begins) < len(times):
        return "packets without time stamps"
    if len(set(begins)) < len(begins):
        return "several packets with one time stamp"
    if any(later < earlier for earlier, later in pairwise(decoded)):
        return "times that begin anew"
    if not any(packet.is_keyframe for packet in times[:1]):
        return "no key frame at its begin"
    if len(times) > 1 and reorders == (begins == sorted(begins)):
        return OTHER_ORDER
    stamps = zip(begins, times, strict=True)
    if any(begin < packet.dts for begin, packet in stamps if packet.dts is not None):
        return "frames that are shown before they are decoded"
    return None


def in_order(times: Sequence[PacketTimes], shown: Sequence[int]) -> bool:
    """Say whether all packets have times, and these ascend in the order of showing."""
    begins = [times[number].pts for number in shown]
    # None is ruled out before they are sorted.
    return None not in begins and begins == sorted(begins)  # type: ignore[type-var]


def shown_packets(context: av.VideoCodecContext, packets: Iterable[av.Packet]) -> list[int]:
    """Decode packets and say which of them gives the first frame shown, the second, and so on.

    Args:
        context: the decoder; what it holds is dropped before and after.
        packets: in the order of the file; they get their numbers as time stamps.
    """
    shown: dict[int | None, None] = {}

    def decode(packet: av.Packet | None) -> None:
        with suppress(av.FFmpegError):  # damage is told when the frames are wanted
            shown.update(dict.fromkeys(frame.pts for frame in context.decode(packet)))

    context.flush_buffers()
    for number, packet in enumerate(packets):
        packet.pts = packet.dts = number
        decode(packet)
    decode(None)
    context.flush_buffers()
    return [number for number in shown if number is not None]
