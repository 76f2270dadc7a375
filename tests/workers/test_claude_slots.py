from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from abp_tui.errors import WorkerUnavailable
from abp_tui.workers.claude_slots import ConfigSlots


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / ".credentials.json").write_text("login")
    (folder / "settings.json").write_text("{}")
    (folder / ".claude.json").write_text("state")
    return folder


@pytest.fixture
def slots(tmp_path: Path, origin: Path) -> ConfigSlots:
    return ConfigSlots(tmp_path / "slots", origin, origin / ".claude.json")


def test_agents_at_once_have_folders_apart_and_later_ones_the_same(slots: ConfigSlots) -> None:
    with slots.take() as first, slots.take() as second:
        assert first != second
    with slots.take() as again:
        assert again == first


def test_there_are_as_many_as_ever_ran_at_once(slots: ConfigSlots) -> None:
    for _ in range(3):
        with ExitStack() as stack:
            taken = {stack.enter_context(slots.take()) for _ in range(4)}
    assert {path for path in next(iter(taken)).parent.iterdir() if path.is_dir()} == taken


def test_other_processes_count(slots: ConfigSlots) -> None:
    with slots.take() as first:
        child = os.fork()
        if not child:
            with slots.take() as other:
                os._exit(0 if other != first else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_what_a_person_keeps_is_shared_and_the_state_is_a_copy(slots: ConfigSlots, origin: Path) -> None:
    with slots.take() as slot:
        assert (slot / ".credentials.json").read_text() == "login"
        assert (slot / "settings.json").readlink() == origin / "settings.json"
        assert not (slot / "CLAUDE.md").is_symlink()
        (slot / "projects" / "session.jsonl").write_text("said")
        (slot / ".claude.json").write_text("torn")
        assert slot.stat().st_mode & 0o777 == 0o700
    assert (origin / "projects" / "session.jsonl").read_text() == "said"
    assert (origin / ".claude.json").read_text() == "state"
    (origin / "settings.json").unlink()
    (origin / "CLAUDE.md").write_text("memory")
    with slots.take() as slot:
        assert (slot / ".claude.json").read_text() == "state"
        assert not (slot / "settings.json").is_symlink()
        assert (slot / "CLAUDE.md").read_text() == "memory"


def renew(path: Path, content: str, age_s: float) -> None:
    """As a program does that writes a file anew and puts it in place."""
    part = path.with_name("part")
    part.write_text(content)
    now = path.stat().st_mtime
    os.utime(part, (now - age_s, now - age_s))
    part.replace(path)


def test_a_login_that_an_agent_renewed_belongs_to_all(slots: ConfigSlots, origin: Path) -> None:
    with slots.take() as slot:
        renew(slot / ".credentials.json", "renewed", age_s=-10)
    assert (origin / ".credentials.json").read_text() == "renewed"
    with slots.take() as slot:
        assert (slot / ".credentials.json").is_symlink()


def test_a_login_of_the_person_that_is_newer_stays(slots: ConfigSlots, origin: Path) -> None:
    with slots.take() as slot:
        renew(slot / ".credentials.json", "old", age_s=10)
    assert (origin / ".credentials.json").read_text() == "login"


def test_a_slot_is_free_again_after_a_failure(slots: ConfigSlots) -> None:
    with pytest.raises(RuntimeError), slots.take() as first:
        raise RuntimeError
    with slots.take() as again:
        assert again == first


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, origin: Path) -> None:
    (tmp_path / "file").touch()
    blocked = ConfigSlots(tmp_path / "file", origin, origin / ".claude.json")
    with pytest.raises(WorkerUnavailable, match="no config folder"), blocked.take():
        pass
