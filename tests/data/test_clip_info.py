from pytorchvideo_clone.data.clip_info import ClipInfo, ClipInfoList


def test_several_clips_have_the_fields_of_one() -> None:
    assert ClipInfo._fields == ClipInfoList._fields
    start, end, *rest = ClipInfo(1, 3, 0, 0, is_last_clip=True)
    assert (start, end) == (1, 3)
    assert rest == [0, 0, True]
