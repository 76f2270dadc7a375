from __future__ import annotations

import os
from pathlib import Path

import pytest

from abp_tui.domain.status import Purpose
from abp_tui.errors import InvalidInput
from abp_tui.execution.engines.shipping import changed_files, keep, parcel, portable, unpacked_in_folder
from abp_tui.execution.engines.wire import File
from abp_tui.store.claims import Claim

MOST = 1000


def claim(path: Path | str) -> Claim:
    return Claim(1, 0, 1, 0, Purpose.RUN, {"file_path": str(path)}, "Do it", 0.0)


def test_a_file_is_named_from_the_folder_it_is_run_in(tmp_path: Path) -> None:
    inside, outside = tmp_path / "docs" / "a.md", "/elsewhere/b.md"
    assert portable({"file_path": str(inside), "n": 1}, str(tmp_path)) == {"file_path": "docs/a.md", "n": 1}
    assert portable({"file_path": outside}, str(tmp_path)) == {"file_path": "b.md"}
    for payload in ({"n": 1}, {"file_path": 7}, {"file_path": "already/there"}):
        assert portable(payload, str(tmp_path)) == payload


def test_a_parcel_has_the_file_or_says_which_must_be_there(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("text")
    packed = parcel(claim(path), str(tmp_path), MOST)
    assert [(file.path, file.data) for file in packed.files] == [("a.md", b"text")]
    assert (packed.claim.payload, packed.shared) == ({"file_path": "a.md"}, None)
    shared = parcel(claim(path), str(tmp_path), 0)
    assert (shared.files, shared.shared, shared.claim) == ((), str(path), claim(path))
    assert parcel(claim(tmp_path / "gone"), str(tmp_path), 0).shared is None


def test_what_cannot_travel_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "big"
    path.write_bytes(b"x" * (MOST + 1))
    with pytest.raises(InvalidInput, match=r"big has .* MB, and up to .* travel"):
        parcel(claim(path), str(tmp_path), MOST)
    with pytest.raises(InvalidInput, match="can't be read: No such file"):
        parcel(claim(tmp_path / "gone"), str(tmp_path), MOST)


def test_only_what_changed_comes_back(tmp_path: Path) -> None:
    sent = [File("same", b"same", 0o644), File("docs/edited", b"old", 0o755), File("removed", b"x", 0o400)]
    with unpacked_in_folder(sent) as folder:
        place = Path(folder)
        assert (place / "docs" / "edited").stat().st_mode & 0o777 == 0o755
        (place / "docs" / "edited").write_text("new")
        (place / "removed").unlink()
        (place / "huge").write_bytes(b"x" * MOST)
        (place / "link").symlink_to("/etc/passwd")
        os.mkfifo(place / "pipe")
        files, left_out = changed_files(folder, sent, MOST - 1)
    assert [(file.path, file.data) for file in files] == [("docs/edited", b"new")]
    assert left_out == "huge (0.0 MB)"
    assert not place.exists()


def test_files_are_kept_whole_below_their_folder(tmp_path: Path) -> None:
    kept = keep([File("docs/a.md", b"text", 0o644)], tmp_path / "kept")
    assert kept == [tmp_path / "kept" / "docs" / "a.md"]
    assert kept[0].read_text() == "text"
    assert list((tmp_path / "kept" / "docs").iterdir()) == kept


def test_kept_files_have_their_permissions_and_no_more(tmp_path: Path) -> None:
    modes = {"tool": 0o755, "text": 0o640, "locked": 0o400, "risen": 0o4755}
    kept = keep([File(name, b"", mode) for name, mode in modes.items()], tmp_path / "kept")
    assert [path.stat().st_mode & 0o7777 for path in kept] == [0o755, 0o640, 0o600, 0o755]


@pytest.mark.parametrize("path", ["../out", "/etc/passwd", "a/../../out", ""])
def test_no_path_leads_out_of_the_folder(path: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="left aside"):
        keep([File(path, b"", 0o644)], tmp_path / "kept")
    assert not (tmp_path / "out").exists()
    with pytest.raises(InvalidInput), unpacked_in_folder([File(path, b"", 0o644)]):
        pass
