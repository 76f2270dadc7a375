"""Five journeys of a person through the real program, in a real terminal, with real executors and agents.

The agents are the stand-in for Claude Code, and commands. What abp does not have yet is left out, and each
journey says what that is.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from abp_tui.orchestrator import Orchestrator
from abp_tui.settings import Settings
from abp_tui.store.repository import Repository
from abp_tui.views import JobView
from tests.programs import needs_git, needs_tmux
from tests.tui.terminal import ROOT, Terminal
from tests.waiting import wait_until

pytestmark = [needs_tmux, pytest.mark.slow]
STANDINS = Path(__file__).parents[1] / "standins"


class Person:
    """Somebody at a terminal in a folder of theirs; another terminal sees the same jobs."""

    def __init__(self, folder: Path, size: tuple[int, int]) -> None:
        self.folder, self._size = folder, size
        self.terminal = self.log_in()

    def log_in(self, **environment: str) -> Terminal:
        path = os.pathsep.join([str(STANDINS), os.environ["PATH"]])
        self.terminal = Terminal(self.folder, self._size, {"PATH": path, **environment})
        self.terminal.start()
        return self.terminal

    def shell(self, arguments: str, **environment: str) -> None:
        """A verb, outside of the terminal."""
        command = [sys.executable, "-m", "abp_tui", *shlex.split(arguments)]
        storage = {"ABP_STORAGE_PATH": str(self.folder / "data" / "abp.db"), "PYTHONPATH": str(ROOT)}
        subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, **storage, **environment},
            check=True,
            capture_output=True,
            timeout=60,
        )

    def job(self, name: str) -> JobView:
        repository = Repository(self.folder / "data" / "abp.db")
        return Orchestrator(repository, settings=Settings()).status(name)


@pytest.fixture(params=[(80, 24), (140, 40)], ids=["80x24", "140x40"])
def person(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Person]:
    made = Person(tmp_path, request.param)
    yield made
    made.terminal.end()


def write(folder: Path, names: str, text: str = "some words\n") -> None:
    for name in names.split():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def test_j1_the_first_job_on_files(person: Person) -> None:
    """From an empty screen to a batch that has done its work: a test, the prompt edited, a pilot, its quote.

    Left out: a preset of permissions in one key.
    """
    write(person.folder, " ".join(f"{letter}.md" for letter in "abcdefghijklmno") + " skip.txt")
    terminal = person.terminal
    terminal.abp()
    terminal.wait_for("n makes your first job")
    terminal.keys("n")
    terminal.text("summaries")
    terminal.keys("Tab")
    terminal.text("Summarise {file_path} as {{json}}")
    terminal.keys("Tab", "Tab", "Tab")
    terminal.text("*.md")
    terminal.wait_for("15 items")
    terminal.wait_for("Prompt for a.md")
    terminal.keys("C-n")
    terminal.wait_for("Prompt for b.md")
    terminal.wait_for(" {json}")  # the form has it in two pairs of braces
    terminal.keys("C-t")
    terminal.wait_for("passed in")
    terminal.keys("e")
    terminal.wait_for("Prompt, version 1")
    terminal.text("In three bullets. ")
    terminal.keys("C-s")
    terminal.wait_for("testing with prompt version 2")
    terminal.wait_for("You said: In three bullets.")
    terminal.wait_for("a Approve")
    terminal.keys("p")
    terminal.wait_for("Run a pilot before the rest")
    terminal.keys("Enter")
    terminal.wait_for("10 of 10 run")
    terminal.wait_for("up to 26 %")
    assert "$0.04" in terminal.wait_for("a Approve"), "four are left, of a cent each"
    terminal.keys("b")
    terminal.wait_for("15 done")
    terminal.wait_for("completed")
    assert terminal.pressed <= 12
    job = person.job("summaries")
    assert (job.completed_units, job.failed_units, job.prompt_version) == (15, 0, 2)


def test_j2_the_line_drops(person: Person) -> None:
    """The terminal dies during the test, and again while agents work: each time the next one is at the live
    state with one key. There a unit is followed, and the job steered.

    Left out: a usage limit (its own tests have that).
    """
    gate = person.folder / "gate"
    write(person.folder, " ".join(f"n/{number}.md" for number in range(12)))
    wait = f"until [ -e {gate} ]; do sleep 0.05; done; wc -w $1"
    person.shell(f"new notes --intent Count --files n --max-workers 2 -- sh -c '{wait}' wc {{file_path}}")
    terminal = person.terminal
    terminal.abp()
    terminal.wait_for("created")
    terminal.keys("t")
    terminal.wait_for("● testing")
    terminal.end()
    wait_until(lambda: person.job("notes").phase == "testing")

    terminal = person.log_in()
    terminal.abp()
    terminal.wait_for("● testing")
    terminal.keys("Enter")
    terminal.wait_for("c Cancel")
    assert terminal.pressed == 1
    gate.touch()
    terminal.wait_for("passed in")
    gate.unlink()
    terminal.keys("a")
    terminal.wait_for("Running 2")
    terminal.end()
    assert person.job("notes").executor is not None

    terminal = person.log_in()
    terminal.abp()
    terminal.wait_for("1/12")
    terminal.keys("Enter")
    terminal.wait_for("running")
    terminal.wait_for("Running 2")
    assert terminal.pressed == 1

    terminal.wait_for("workers 1 1.md")  # the strip names who works
    terminal.keys("t")
    terminal.wait_for("try 1 of 1")
    terminal.keys("t")
    terminal.wait_for("Running 2")
    terminal.keys("+")
    terminal.wait_for("works with 3 workers")
    terminal.wait_for("Running 3")
    terminal.keys("-")
    terminal.wait_for("works with 2 workers")
    terminal.keys("Space")
    terminal.wait_for("pauses once its running units are done")
    gate.touch()
    terminal.wait_for("paused")
    gate.unlink()
    terminal.wait_for("Running 0")
    done = person.job("notes").completed_units
    assert 3 <= done <= 5
    terminal.keys("Space")
    terminal.wait_for("goes on")
    terminal.wait_for("Running 2")
    terminal.keys("S")
    terminal.wait_for("Stop notes now?")
    terminal.keys("y")
    terminal.wait_for("paused")
    terminal.wait_for("Running 0")
    wait_until(lambda: person.job("notes").executor is None)
    gate.touch()
    terminal.keys("Space")
    terminal.wait_for("12 done")
    terminal.wait_for("completed")


def test_j3_csv_in_columns_out(person: Person) -> None:
    """Rows and a schema in, a file with a result for each row out.

    Left out: removing rows with the same key, a schema typed by hand, the table of results.
    """
    folder = person.folder
    rows = "".join(f"{name}@x.org,{name}\n" for name in ("ann", "bob", "eve"))
    (folder / "leads.csv").write_text("\ufeffemail,company\n" + rows)
    schema = {"type": "object", "properties": {"sector": {"type": "string"}}, "required": ["sector"]}
    (folder / "sector.json").write_text(json.dumps(schema))
    terminal = person.terminal
    terminal.abp()
    terminal.wait_for("n makes your first job")
    terminal.keys("n")
    terminal.text("leads")
    terminal.keys("Tab")
    terminal.text("Find the sector of {compny}")
    terminal.keys("Tab", "Enter")
    terminal.text("csv")
    terminal.keys("Enter", "Tab")
    terminal.text("leads.csv")
    terminal.keys("Tab")
    terminal.text("email")
    terminal.wait_for("did you mean 'company'?")
    terminal.keys("BTab", "BTab", "BTab", *["BSpace"] * len("ny}"))
    terminal.text("any}")
    terminal.wait_for("Prompt for ann@x.org")
    terminal.keys("BTab", "BTab", "BTab", "BTab")  # the name, the preview, the checks, the schema
    terminal.text("sector.json")
    terminal.wait_for("schema sector.json")
    terminal.keys("C-t")
    terminal.wait_for("passed in")
    terminal.keys("1")
    terminal.wait_for("sector")
    terminal.keys("a")
    terminal.wait_for("3 done")
    terminal.keys("x")
    terminal.wait_for("3 units in")
    lines = (folder / "leads.jsonl").read_text().splitlines()
    results = {entry["key"]: entry["result"] for entry in map(json.loads, lines)}
    assert results == {f"{name}@x.org": {"sector": "text"} for name in ("ann", "bob", "eve")}


def test_j4_the_morning_after(person: Person) -> None:
    """Units failed for three causes; those of the largest group run again, and pass.

    Left out: time limits for one group.
    """
    fixed = person.folder / "fixed"
    write(person.folder, " ".join(f"n/{kind}{number}.md" for kind, most in (("a", 4), ("b", 2), ("c", 1))
                                  for number in range(most)))  # fmt: skip
    code = (
        f'case $1 in *a?.md) [ -e {fixed} ] && exit 0; echo "pdftotext is missing" >&2; exit 3;;'
        ' *b?.md) echo "no such page" >&2; exit 4;; *) exit 0;; esac'
    )
    options = "--max-retries 0 --max-failures-in-row 0"
    person.shell(f"new night --intent Read --files n {options} -- sh -c {shlex.quote(code)} sh {{file_path}}")
    with pytest.raises(subprocess.CalledProcessError):
        person.shell("start night --skip-test --wait")
    fixed.touch()
    terminal = person.terminal
    terminal.abp()
    terminal.wait_for("failed")
    terminal.keys("Enter", "F")
    terminal.wait_for("4 units")
    terminal.wait_for("pdftotext is missing")
    terminal.keys("Enter")
    terminal.wait_for("a0.md")
    terminal.keys("Escape")
    terminal.wait_for("no such page")
    terminal.keys("r")
    terminal.wait_for("runs 4 units again")
    terminal.wait_for("2 failed")
    assert terminal.pressed <= 8
    wait_until(lambda: person.job("night").completed_units == 5)
    assert person.job("night").failed_units == 2


def test_j4_permission_and_prompt_are_changed_for_a_group(person: Person) -> None:
    """All agents were denied something: it is allowed, and when that does not do, the prompt edited."""
    write(person.folder, "n/a.md n/b.md n/c.md")
    path = {"PATH": os.pathsep.join([str(STANDINS), os.environ["PATH"]])}
    person.shell("new night --intent 'Please @@deny@@ {file_path}' --files n", **path)
    with pytest.raises(subprocess.CalledProcessError, match="status 5"):
        person.shell("start night --skip-test --wait", **path)
    terminal = person.terminal
    terminal.abp()
    terminal.wait_for("completed")
    terminal.keys("Enter", "F")
    terminal.wait_for("in doubt")
    terminal.keys("i")
    terminal.wait_for("What was denied")
    terminal.keys("1")
    terminal.wait_for("1 allow")
    terminal.keys("Enter")
    terminal.wait_for("version 2 is saved")
    terminal.keys("r")
    wait_until(lambda: (person.job("night").cost_usd or 0) > 0.05)
    wait_until(lambda: person.job("night").suspect_units == 3, what="to be allowed it is not enough")
    terminal.wait_for("3 in doubt permission denied")
    terminal.keys("e")
    terminal.wait_for("Prompt, version 2")
    terminal.keys(*["DC"] * len("Please @@deny@@ "), "C-s")
    terminal.wait_for("version 3")
    terminal.keys("r")
    terminal.wait_for("runs 3 units again")
    wait_until(lambda: person.job("night").completed_units == 3)
    job = person.job("night")
    assert (job.prompt_version, job.suspect_units) == (3, 0)
    assert job.worker_options["allowed_tools"]


@needs_git
def test_j5_a_change_across_a_repository(person: Person) -> None:
    """An agent edits files, a check looks at them; the review shows both, and the rest is approved.

    Left out: a worktree of its own for each agent, the queue of reviews, applying and undoing.
    """
    source = person.folder / "repo"
    write(source, "src/one.py src/two.py src/deep/three.py", "x = 1\n")
    git = ["git", "-C", str(source), "-c", "user.name=a", "-c", "user.email=a@x.org"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *arguments], check=True, timeout=60)
    terminal = person.terminal
    terminal.end()
    terminal = person.log_in(STANDIN_MODE="write")
    terminal.text("cd repo")
    terminal.keys("Enter")
    terminal.abp()
    terminal.wait_for("n makes your first job")
    terminal.keys("n")
    terminal.text("hints")
    terminal.keys("BTab", "BTab")  # the preview, the checks
    terminal.text("command grep -q added {file_path}")
    terminal.keys("Tab", "Tab", "Tab")
    terminal.text("Add type hints to {file_path}")
    terminal.keys("Tab", "Tab", "Tab")
    terminal.text("src/**/*.py")
    terminal.wait_for("3 items")
    terminal.keys(*["Tab"] * 5, "Enter", "Down", "Enter")
    terminal.wait_for("read, and edit files in its folder")
    terminal.keys("C-t")
    terminal.wait_for("passed in")
    terminal.keys("3")
    terminal.wait_for("+added: int = 1", "+ added: int = 1")
    assert "three.py" in terminal.screen()
    terminal.wait_for("✓ passed: `grep -q added")
    terminal.keys("a")
    terminal.wait_for("3 done")
    changed = subprocess.run(
        [*git, "status", "--short"], capture_output=True, text=True, check=True, timeout=60
    )
    assert len(changed.stdout.splitlines()) == 3
