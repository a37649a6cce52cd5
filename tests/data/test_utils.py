from pytorchvideo_clone.data import (
    decoders,
    export_video_array,
    sharding,
    utils,
    video,
)
from pytorchvideo_clone.data.decoders import timestamps
from pytorchvideo_clone.data.lists import csv_rows, manifest


def test_names_are_those_of_their_homes() -> None:
    assert utils.thwc_to_cthw is video.thwc_to_cthw
    assert utils.secs_to_pts is timestamps.secs_to_pts
    assert utils.pts_to_secs is timestamps.pts_to_secs
    assert utils.export_video_array is export_video_array
    assert utils.get_logger is manifest.get_logger
    assert utils.optional_threaded_foreach is manifest.optional_threaded_foreach
    for name in csv_rows.__all__:
        assert getattr(utils, name) is getattr(csv_rows, name)
    assert utils.MultiProcessSampler is sharding.MultiProcessSampler


def test_pytorchvideos_decoder_module_is_found() -> None:
    import pytorchvideo_clone.data.decoder as old_decoder

    assert old_decoder is decoders
