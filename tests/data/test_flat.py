import multiprocessing
import pickle

import pytest

from pytorchvideo_clone.data.flat import FlatStrings

STRINGS = ["a.mp4", "", "häß.mp4", "日本/1.mp4", "\udcff.mp4", "z" * 300]


@pytest.mark.parametrize(
    "strings", [STRINGS, [], [""], ["x"] * 3, [f"{n}.mp4" for n in range(70_000)]]
)
def test_a_flat_list_is_the_list(strings):
    flat = FlatStrings(string for string in strings)
    assert list(flat) == strings
    assert len(flat) == len(strings)
    if strings:
        assert (flat[-1], flat[0]) == (strings[-1], strings[0])
        assert flat[1:3] == strings[1:3]
    for index in (len(strings), -len(strings) - 1):
        with pytest.raises(IndexError, match=f"index {index} is out of range"):
            flat[index]


def test_chunks_of_other_alphabets_follow_one_another():
    strings = ["a"] * 65_536 + ["é"] * 65_537 + ["b"]
    flat = FlatStrings(strings)
    assert [flat[i] for i in (65_535, 65_536, 131_072, 131_073)] == ["a", "é", "é", "b"]


def test_a_flat_list_can_be_pickled():
    assert list(pickle.loads(pickle.dumps(FlatStrings(STRINGS)))) == STRINGS


def is_shared(strings: FlatStrings, found) -> None:
    found.put((strings._content.is_shared(), strings[2]))


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_process_that_is_not_forked_gets_no_copy(method):
    context = multiprocessing.get_context(method)
    found = context.Queue()
    process = context.Process(target=is_shared, args=(FlatStrings(STRINGS), found))
    process.start()
    assert found.get(timeout=60) == (True, "häß.mp4")
    process.join()
