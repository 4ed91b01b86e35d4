"""A socket in the file system takes the place of a dead one, never that of another server."""

import os
import socket
import stat
from pathlib import Path

import pytest

from hubbub.listening.unix import UnixSocket


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("mode", [0o666, 0o660, 0o600])
def test_it_has_its_permissions_whatever_the_umask(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "a.sock"
    before = os.umask(0o077)
    try:
        with UnixSocket(path, mode) as made, made.socket:
            assert path.is_socket()
            assert mode_of(path) == mode
        assert os.umask(0o077) == 0o077
    finally:
        os.umask(before)


def test_it_is_gone_in_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    with UnixSocket(path, 0o666) as made, made.socket:
        pass
    assert not path.exists()


def test_a_dead_one_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
        dead.listen()
    assert path.is_socket()
    with UnixSocket(path, 0o666) as made, made.socket, socket.socket(socket.AF_UNIX) as client:
        made.socket.listen()
        client.connect(str(path))


def test_a_living_one_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    with UnixSocket(path, 0o666) as first, first.socket:
        first.socket.listen()
        with pytest.raises(OSError, match="another process listens there"):
            UnixSocket(path, 0o666)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_is_no_socket_is_left_alone(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.sock"
    match kind:
        case "file":
            path.write_text("mine")
        case "folder":
            path.mkdir()
        case _:
            path.symlink_to("nowhere")
    with pytest.raises(FileExistsError, match="no socket"):
        UnixSocket(path, 0o666)
    assert os.path.lexists(path)


def test_that_of_a_successor_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    first = UnixSocket(path, 0o666)
    first.socket.close()
    with UnixSocket(path, 0o666) as second, second.socket:
        first.remove()
        first.remove()
        assert path.is_socket()
    assert not path.exists()
