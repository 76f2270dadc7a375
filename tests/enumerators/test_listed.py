from __future__ import annotations

import fcntl
import io
import os
import sys
import termios
import threading
from pathlib import Path
from typing import Any

import pytest

from abp_tui.enumerators.base import make_enumerator
from abp_tui.enumerators.listed import ListedEnumerator
from abp_tui.errors import InvalidInput
from tests.waiting import wait_until


@pytest.fixture
def base(tmp_path: Path) -> Path:
    folder = tmp_path / "base"
    (folder / "sub").mkdir(parents=True)
    for name in ("a.md", "sub/b.md", "new\nline.md", " blank .md"):
        (folder / name).write_text(name)
    return folder


def listed(base: Path, content: bytes, **config: Any) -> ListedEnumerator:
    path = base.parent / "list"
    path.write_bytes(content)
    made = make_enumerator("paths", {"list_file": str(path), "base_directory": str(base), **config})
    assert isinstance(made, ListedEnumerator)
    return made


def keys(made: ListedEnumerator) -> list[str]:
    made.validate()
    return [item.key for item in made.items()]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"sub/b.md\na.md\n", ["sub/b.md", "a.md"]),
        (b"\r\na.md\r\n\n./sub/../sub/b.md", ["a.md", "sub/b.md"]),
        (b"new\nline.md\0 blank .md\0a.md", ["new\nline.md", " blank .md", "a.md"]),
        (b" blank .md\n", [" blank .md"]),
    ],
)
def test_paths_by_line_or_by_nul(base: Path, content: bytes, expected: list[str]) -> None:
    assert keys(listed(base, content)) == expected


def test_an_item_has_what_a_file_has(base: Path) -> None:
    [item] = listed(base, b"sub/b.md").items()
    assert tuple(item.payload) == ListedEnumerator.fields
    assert item.payload["file_path"] == f"{base}/sub/b.md"
    assert (item.payload["file_stem"], item.payload["file_size"]) == ("b", 8)


def test_a_path_from_elsewhere_is_its_own_key(base: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.md"
    other.touch()
    assert keys(listed(base, os.fsencode(other))) == [str(other)]


def test_what_is_no_file_is_named_with_its_place(base: Path) -> None:
    content = b"a.md\nno.md\nsub\ncaf\xe9.md\n" + b"x\n" * 9
    with pytest.raises(InvalidInput) as caught:
        keys(listed(base, content))
    message = caught.value.message
    assert "path 2, no.md: No such file or directory; path 3, sub: not a regular file" in message
    assert message.count("; path ") == 4
    assert message.endswith("and 6 more like these")


def test_the_limit_and_an_empty_list(base: Path) -> None:
    assert keys(listed(base, b"a.md\nsub/b.md\n", limit=1)) == ["a.md"]
    empty = listed(base, b"\n\n")
    assert keys(empty) == [] and empty.why_empty().endswith("list is empty")


def test_a_long_list_comes_as_a_stream(base: Path) -> None:
    made = listed(base, b"a.md\n" * 50_000)
    assert sum(1 for _ in made.items()) == 50_000
    assert made.place(7) == "path 8"


def test_what_is_no_list(base: Path) -> None:
    with pytest.raises(InvalidInput, match="over 64 kB"):
        keys(listed(base, b"x" * 200_000))
    with pytest.raises(InvalidInput, match="there is no file"):
        make_enumerator("paths", {"list_file": str(base / "nope")}).validate()


def test_standard_input_is_a_list(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a.md\0sub/b.md\0")))
    made = make_enumerator("paths", {"list_file": "-", "base_directory": str(base)})
    assert [item.key for item in made.items()] == ["a.md", "sub/b.md"]
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InvalidInput, match="no list of paths comes on standard input"):
        made.validate()


def test_between_nuls_a_return_belongs_to_the_name(base: Path) -> None:
    (base / "c\r").write_text("x")
    assert keys(listed(base, b"c\r\0a.md\0")) == ["c\r", "a.md"]


def waiting_in(pipe: int) -> int:
    """How many bytes nobody has read yet."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


def piped(base: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, size: int) -> ListedEnumerator:
    """A list that comes on standard input, so many bytes at a time."""
    theirs, ours = os.pipe()

    def write() -> None:
        with os.fdopen(ours, "wb", buffering=0) as pipe:
            for at in range(0, len(content), size):
                pipe.write(content[at : at + size])
                if at < 3 * size:
                    wait_until(lambda: not waiting_in(theirs), 10, "the piece was read")

    threading.Thread(target=write, daemon=True).start()
    monkeypatch.setattr(sys, "stdin", os.fdopen(theirs))
    made = make_enumerator("paths", {"list_file": "-", "base_directory": str(base)})
    assert isinstance(made, ListedEnumerator)
    return made


@pytest.mark.parametrize("size", [5, 7000])
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"new\nline.md\0a.md\0", ["new\nline.md", "a.md"]),
        (b"new\nline.md\0a.md", ["new\nline.md", "a.md"]),
        (b"a.md\0", ["a.md"]),
        (b"a.md\nsub/b.md\n", ["a.md", "sub/b.md"]),
        (b"./" * 4000 + b"new\nline.md\0a.md", ["new\nline.md", "a.md"]),
    ],
)
def test_a_pipe_that_delivers_in_pieces(
    base: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, expected: list[str], size: int
) -> None:
    assert keys(piped(base, monkeypatch, content, size)) == expected


def test_a_nul_far_into_a_list_of_lines_is_an_error(base: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        keys(listed(base, b"a.md\n" * 20_000 + b"a\0b.md\na.md\n"))
    assert "path 20001, a\0b.md: has characters that no path" in caught.value.message


def test_names_that_are_not_utf8_are_left_out_with_a_warning_as_in_a_folder(base: Path) -> None:
    (base / os.fsdecode(b"caf\xe9.md")).touch()
    made = listed(base, b"caf\xe9.md\na.md\n\xff\nsub/b.md\nsub/b.md\n" + b"\xfe\n" * 30, limit=2)
    assert keys(made) == ["a.md", "sub/b.md"] and made.place(1) == "path 4"
    assert made.warnings() == [
        f"left out path {n}, {name}: the name is not valid UTF-8"
        for n, name in ((1, r"caf\xe9.md"), (3, r"\xff"))
    ]
    made = listed(base, b"\xfe\n" * 30 + b"a.md\n")
    assert keys(made) == ["a.md"] and made.place(0) == "path 31"
    assert made.warnings()[-1] == "and 10 more like these" and len(made.warnings()) == 21
    assert keys(made) == ["a.md"] and made.place(0) == "path 31", "and once more"
    made = listed(base, b"\xfe\n")
    assert keys(made) == [] and "UTF-8" in made.why_empty()
