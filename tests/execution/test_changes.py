from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from abp_tui.domain.change import ChangeKind, FileChange, FolderChanges, changes_of
from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Outcome
from abp_tui.domain.status import JobStatus
from abp_tui.execution import changes
from abp_tui.execution.changes import Comparison
from abp_tui.execution.executor import JobExecutor
from abp_tui.workers.base import Sink, Task
from abp_tui.workers.cancel import Cancel
from tests.factories import InProcessWorker, answer, make_job, make_repository
from tests.programs import needs_git

WHO = {f"GIT_{role}_{what}": "x@y.z" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def git(folder: Path, *arguments: str) -> str:
    env = {**os.environ, **WHO}
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=env, check=True, capture_output=True, timeout=30
    )
    return done.stdout.decode()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / ".gitignore").write_text("*.log\nbuild/\n")
    (folder / "kept.txt").write_text("one\ntwo\nthree\n")
    (folder / "gone.txt").write_text("it was here\n")
    (folder / "old name.txt").write_text("".join(f"line {n}\n" for n in range(20)))
    (folder / "picture.bin").write_bytes(bytes(range(256)))
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    (folder / "kept.txt").write_text("one\ntwo\nthree\nnot committed\n")
    (folder / "untracked.txt").write_text("before\n")
    return folder


@contextmanager
def compared(folder: Path, database: Path | None = None) -> Iterator[list[FolderChanges]]:
    """What is changed within is in the list afterwards."""
    found: list[FolderChanges] = []
    with Comparison(str(folder), database or Path("/nowhere/abp.db"), {}) as comparison:
        yield found
        found.append(comparison.changes())


def by_path(found: list[FolderChanges]) -> dict[str, FileChange]:
    assert not found[0].not_compared
    return {file.path: file for file in found[0].files}


@needs_git
def test_in_a_git_tree_new_changed_deleted_renamed_and_binary_files_are_told(tree: Path) -> None:
    with compared(tree) as found:
        (tree / "kept.txt").write_text("one\n2\nthree\nnot committed\n")
        (tree / "untracked.txt").write_text("before\nafter\n")
        (tree / "new").mkdir()
        (tree / "new" / "näme ünd.txt").write_text("a\nb\n")
        (tree / "gone.txt").unlink()
        (tree / "old name.txt").rename(tree / "new name.txt")
        (tree / "picture.bin").write_bytes(bytes(range(255)))
        (tree / "noise.log").write_text("ignored")
    files = by_path(found)
    assert {path: (file.kind.value, file.added, file.removed) for path, file in files.items()} == {
        "gone.txt": ("deleted", 0, 1),
        "kept.txt": ("changed", 1, 1),
        "new name.txt": ("renamed", 0, 0),
        "new/näme ünd.txt": ("new", 2, 0),
        "picture.bin": ("changed", None, None),
        "untracked.txt": ("changed", 1, 0),
    }
    assert files["new name.txt"].old_path == "old name.txt"
    assert "-two\n+2\n" in files["kept.txt"].patch
    assert " not committed\n" in files["kept.txt"].patch, "what was changed before is not the attempt's doing"
    assert "+not committed" not in files["kept.txt"].patch
    assert "+a\n+b\n" in files["new/näme ünd.txt"].patch
    assert found[0].summary == "6 files changed, +4 -2"


@needs_git
def test_the_folder_and_its_repository_are_left_as_they_were(tree: Path) -> None:
    def state() -> tuple[str, dict[str, bytes]]:
        own = {str(p): p.read_bytes() for p in (tree / ".git").rglob("*") if p.is_file()}
        return git(tree, "status", "--porcelain"), own

    (tree / ".git" / "hooks").mkdir(exist_ok=True)
    before = state()
    with compared(tree) as found:
        pass
    after = state()
    assert found == [FolderChanges()]
    assert after[0] == before[0]
    assert {k: v for k, v in after[1].items() if k in before[1] and not k.endswith("index")} == {
        k: v for k, v in before[1].items() if not k.endswith("index")
    }
    assert after[1].keys() == before[1].keys()


@needs_git
def test_nothing_that_the_repository_configures_is_run(tree: Path, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\ncat\n")
    trap.chmod(0o755)
    for name in ("core.fsmonitor", "filter.trap.clean", "filter.trap.process", "diff.trap.textconv"):
        git(tree, "config", name, str(trap))
    git(tree, "config", "diff.external", str(trap))
    (tree / ".gitattributes").write_text("* filter=trap diff=trap\n")
    with compared(tree) as found:
        (tree / "kept.txt").write_text("else\n")
    assert by_path(found)["kept.txt"].added == 1
    assert not (tmp_path / "sprung").exists()


@needs_git
def test_a_commit_by_the_agent_hides_nothing(tree: Path) -> None:
    with compared(tree) as found:
        (tree / "kept.txt").write_text("else\n")
        git(tree, "commit", "-qam", "by the agent")
    assert by_path(found)["kept.txt"].removed == 4


@needs_git
def test_only_the_folder_itself_is_compared_with_paths_from_there(tree: Path) -> None:
    (tree / "part").mkdir()
    with compared(tree / "part") as found:
        (tree / "part" / "in.txt").write_text("x\n")
        (tree / "out.txt").write_text("x\n")
    assert list(by_path(found)) == ["in.txt"]


@needs_git
@pytest.mark.parametrize("extra", [(), ("--object-format=sha256",)])
def test_a_repository_without_a_commit(tmp_path: Path, extra: tuple[str, ...]) -> None:
    git(tmp_path, "init", "-q", *extra)
    (tmp_path / "a").write_text("1\n")
    git(tmp_path, "add", "a")
    with compared(tmp_path) as found:
        (tmp_path / "a").write_text("2\n")
    assert (by_path(found)["a"].added, by_path(found)["a"].removed) == (1, 1)


@needs_git
def test_a_small_folder_without_git_is_compared_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("1\n")
    with compared(tmp_path) as found:
        (tmp_path / "a.txt").write_text("1\n2\n")
        (tmp_path / "b.txt").write_text("new\n")
    files = by_path(found)
    assert files["a.txt"].patch.endswith("@@ -1 +1,2 @@\n 1\n+2\n")
    assert files["b.txt"].kind is ChangeKind.NEW
    assert not (tmp_path / ".git").exists()


@needs_git
def test_an_ignored_folder_of_a_tree_is_compared_as_one_without_git(tree: Path) -> None:
    (tree / "build").mkdir()
    with compared(tree / "build") as found:
        (tree / "build" / "out.txt").write_text("x\n")
    assert list(by_path(found)) == ["out.txt"]


def test_a_large_folder_without_git_is_not_compared_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "MOST_FILES", 3)
    for n in range(4):
        (tmp_path / f"{n}").write_text("x")
    with compared(tmp_path) as found:
        pass
    assert "no git tree and has more than 3 files" in found[0].not_compared
    assert found[0].summary.startswith("changed files are not known: ")


@needs_git
def test_much_that_git_does_not_know_is_not_read(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "MOST_BYTES", 1024 * 1024)
    with compared(tree) as found, (tree / "dump").open("wb") as file:
        file.truncate(5 * 1024 * 1024)
    assert "5 MB of files that git does not know" in found[0].not_compared


@pytest.mark.parametrize("folder", ["/nowhere/at all", "/dev/null"])
def test_a_folder_that_is_none_is_said_and_raises_nothing(folder: str) -> None:
    with compared(Path(folder)) as found:
        pass
    assert found[0].not_compared


def test_no_git_on_this_machine_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with compared(tmp_path) as found:
        pass
    assert found[0].not_compared == "git is not installed here"


@needs_git
def test_our_own_database_within_the_folder_is_no_change_of_the_agent(tmp_path: Path) -> None:
    place = tmp_path / "data [1]"
    (place / "logs").mkdir(parents=True)
    with compared(tmp_path, place / "abp.db") as found:
        for name in ("abp.db", "abp.db-wal", "logs/abp-j1.log", "mine.txt", "logs/mine.log"):
            (place / name).write_text("x")
    assert sorted(by_path(found)) == ["data [1]/logs/mine.log", "data [1]/mine.txt"]


@needs_git
def test_long_patches_are_cut_with_a_mark_and_many_files_only_counted(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "MOST_LISTED", 10)
    with compared(tree) as found:
        (tree / "a long one").write_text("a line of it\n" * 20_000)
        for n in range(30):
            (tree / f"n{n}").write_text("x\n")
    [folder] = found
    assert (folder.total, len(folder.files), folder.added) == (31, 10, 20_030)
    assert "more lines]" in folder.files[0].patch
    assert len(folder.files[0].patch) < changes.PATCH_CAP + 100


@needs_git
@pytest.mark.parametrize(
    "name", ["a b.txt", 'q"uote.txt', "back\\slash", "\x1b[31m\x07\x7f\x9b", "\a\b\t\n\v\f\r", "漢字\u202e"]
)
def test_every_name_keeps_its_patch(tree: Path, name: str) -> None:
    with compared(tree) as found:
        (tree / name).write_text("new words\n")
    assert "+new words" in by_path(found)[name].patch


@needs_git
def test_odd_files_fail_nothing(tree: Path) -> None:
    with compared(tree) as found:
        os.mkfifo(tree / "pipe")
        (tree / "link").symlink_to("/nowhere")
        (tree / "closed").write_text("x")
        (tree / "closed").chmod(0)
        (tree / "inner").mkdir()
        git(tree / "inner", "init", "-q")
        (tree / 'a "quoted"\tname').write_text("x\n")
        Path(os.fsdecode(os.fsencode(tree) + b"/\xff\xfe")).write_text("x\n")
    files = by_path(found)
    assert files["link"].kind is ChangeKind.NEW
    assert files['a "quoted"\tname'].added == 1
    assert files["\ufffd\ufffd"].added == 1


@needs_git
def test_a_test_records_what_changed_and_a_batch_does_not(tmp_path: Path) -> None:
    def writes(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        (tmp_path / f"{task.payload['n']}.txt").write_text("done\n")
        return answer(task, sink, cancel)

    repository = make_repository(tmp_path)
    job = make_job(repository, 2, cwd=tmp_path)
    JobExecutor(repository, job.id, InProcessWorker(writes)).run_test(0)
    test = repository.attempts.latest_test(job.id)
    assert test is not None
    events = repository.attempts.events(test.id)
    recorded = changes_of(events)
    assert recorded is not None
    assert recorded.summary == "1 file changed, +1 -0"
    assert recorded.files[0].patch.endswith("+done\n")
    repository.jobs.move(job.id, JobStatus.RUNNING)
    JobExecutor(repository, job.id, InProcessWorker(writes)).run()
    (attempt,) = repository.attempts.of_unit(job.id, 1)
    assert changes_of(repository.attempts.events(attempt.id)) is None
    assert (tmp_path / "1.txt").exists()


@needs_git
def test_what_a_cancelled_test_had_changed_is_told_too(tmp_path: Path) -> None:
    def writes(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        (tmp_path / "half.txt").write_text("done\n")
        cancel.request("enough")
        return Outcome.failed(FailureKind.INTERRUPTED, "enough")

    repository = make_repository(tmp_path)
    job = make_job(repository, 2, cwd=tmp_path)
    JobExecutor(repository, job.id, InProcessWorker(writes)).run_test(0)
    test = repository.attempts.latest_test(job.id)
    assert test is not None
    recorded = changes_of(repository.attempts.events(test.id))
    assert recorded is not None
    assert [file.path for file in recorded.files] == ["half.txt"]
