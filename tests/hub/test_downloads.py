import socket
import threading
from hashlib import sha256
from pathlib import Path

import pytest
import torch

from pytorchvideo_clone.hub.checkpoints import load_checkpoint, read_checkpoint
from pytorchvideo_clone.hub.downloads import CheckpointError, fetch
from tests.hub.test_checkpoints import make_model


def test_a_file_in_the_cache_must_be_the_one_asked_for(server: tuple[str, Path]) -> None:
    url, folder = server
    torch.save(make_model().state_dict(), folder / "a.pyth")
    digest = sha256((folder / "a.pyth").read_bytes()).hexdigest()
    load_checkpoint(make_model(), f"{url}/a.pyth", progress=False)
    load_checkpoint(make_model(), f"{url}/a.pyth", sha256=digest)
    with pytest.raises(CheckpointError, match=rf"begins with {digest[:8]}, expected 0123abcd"):
        load_checkpoint(make_model(), f"{url}/a.pyth", sha256="0123abcd")


def test_files_of_one_name_do_not_share_the_cache(server: tuple[str, Path]) -> None:
    url, folder = server
    for name in ("kinetics", "ssv2"):
        (folder / name).mkdir()
        torch.save({name: torch.zeros(1)}, folder / name / "slow.pyth")
    for name in ("kinetics", "ssv2"):
        state = read_checkpoint(f"{url}/{name}/slow.pyth", progress=False)["model_state"]
        assert list(state) == [name]


def test_a_missing_page_says_what_to_do(server: tuple[str, Path]) -> None:
    with pytest.raises(CheckpointError, match=r"404.*pass its path as `checkpoint`"):
        read_checkpoint(f"{server[0]}/none.pyth", progress=False)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.pyth is not there"):
        read_checkpoint(tmp_path / "none.pyth")


def test_a_connection_that_ends_early_leaves_nothing(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 100\r\n\r\n" + bytes(40))

        thread = threading.Thread(target=answer)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/names.pbtxt"
        with pytest.raises(CheckpointError, match="40 of 100 bytes came"):
            fetch(url, progress=False)
        thread.join()
    assert list((tmp_path / "checkpoints").iterdir()) == []


def test_the_digest_of_a_local_file_is_checked_too(tmp_path: Path) -> None:
    (tmp_path / "a.pth").write_bytes(b"weights")
    digest = sha256(b"weights").hexdigest()
    assert fetch(tmp_path / "a.pth", sha256=digest) == tmp_path / "a.pth"
    with pytest.raises(CheckpointError, match=f"begins with {digest[:8]}, expected 0123abcd."):
        fetch(tmp_path / "a.pth", sha256="0123abcd")


def test_a_cache_that_cannot_be_written_is_told(server: tuple[str, Path], tmp_path: Path) -> None:
    url, folder = server
    (folder / "a.pth").write_bytes(b"weights")
    (tmp_path / "cache").touch()  # where its folder would be
    with pytest.raises(CheckpointError, match="could not be downloaded"):
        fetch(f"{url}/a.pth", progress=False)
