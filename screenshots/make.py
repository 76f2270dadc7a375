"""Makes the screenshots: the real app on a real job, its executor at work, at two terminal sizes.

`python screenshots/make.py [FOLDER]` writes SVG files, and PNG files where `rsvg-convert` is installed.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")

from textual.pilot import Pilot

import abp_tui
from abp_tui.domain.model import Job
from abp_tui.orchestrator import Orchestrator
from abp_tui.store.repository import Repository
from abp_tui.tui.app import AbpApp
from abp_tui.tui.screens.help import HelpScreen
from abp_tui.tui.screens.new_job import NewJobScreen
from abp_tui.tui.screens.review import ReviewScreen

SIZES = ((80, 24), (140, 40))
TEXTS = Path(abp_tui.__file__).with_name("demo_texts")
ITEMS = {"base_directory": "texts", "pattern": ["*"]}
PACE = {"pace_s": 1.0}
FINDS_DATES = """case "$1" in
*blank*) echo "a blank page" >&2; exit 2;;
*rain*|*note*) echo "I can't read $1."; exit;;
*riddle*|*letter*) echo "In $1 two dates may be meant. Which one should I use?"; exit;;
esac
grep -E '[0-9]{2}' "$1" || { echo "no date in $1" >&2; exit 1; }"""
STANDIN = Path(__file__).resolve().parent.parent / "tests" / "standins" / "claude"
PRICED = """[ "$1" = --version ] && exec "$STANDIN" --version
said=$(cat)
export STANDIN_COST=0.0$((${#said} % 6 + 2))
printf %s "$said" | "$STANDIN" "$@"
"""
MARKS = ("✓ pass", "? doubtful", "✗ fail")
BETTER = ("and count its words", "for a child of ten, and count its words and lines")
INTENT = "Say in one sentence what {file_path} is about, and count its words."


async def until(pilot: Pilot[None], done: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for a condition, at most so long."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError("the app did not get there")
        await pilot.pause(0.05)


def shown(app: AbpApp) -> str:
    """What is on the screen, as text."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


async def tour(folder: Path, repository: Repository, size: tuple[int, int]) -> None:
    """Go through the screens with the keys a person would press, and take a picture of each."""
    orchestrator = Orchestrator(repository)
    width, height = size
    app = AbpApp(orchestrator.repository, lambda: orchestrator)
    name = f"summaries-{width}"

    def picture(screen: str) -> None:
        app.save_screenshot(f"{screen}-{width}x{height}.svg", str(folder))

    async with app.run_test(size=size) as pilot:
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, NewJobScreen))
        await fill(pilot, name)
        await until(pilot, lambda: "Prompt for 01-" in shown(app) and "Create and test" in shown(app))
        await until(pilot, lambda: "Stop preview" not in shown(app))
        picture("new-job")
        await pilot.press("escape")
        job = orchestrator.create_job(name, INTENT, "file", ITEMS, worker="sample", worker_options=PACE)
        await until(pilot, lambda: name in shown(app))
        await pilot.press("g", "t")
        await until(pilot, lambda: isinstance(app.screen, ReviewScreen))
        await until(pilot, lambda: "passed in" in shown(app))
        await pilot.press("2")
        await pilot.pause(0.2)
        picture("review")
        await pilot.press("a")
        await until(pilot, lambda: orchestrator.status(job.id).completed_units >= 3)
        await pilot.press("escape")
        await until(pilot, lambda: "1 running" in shown(app))
        picture("jobs")
        await pilot.press("enter")
        await until(pilot, lambda: orchestrator.status(job.id).completed_units >= 6)
        await pilot.pause(0.3)
        picture("progress")
        await pilot.press("enter")
        await until(pilot, lambda: "try 1 of" in shown(app))
        await pilot.pause(0.3)
        picture("unit")
        await pilot.press("escape", "escape")
        await until(pilot, lambda: "find-dates" in shown(app))
        await pilot.press("G", "enter")
        await until(pilot, lambda: "find-dates" in shown(app) and "3 failed" in shown(app))
        await pilot.press("F")
        await until(pilot, lambda: "what the first of them says" in shown(app) and "Try one" in shown(app))
        picture("failures")
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        await pilot.pause(0.2)
        picture("help")


async def pilot_tour(folder: Path, repository: Repository, size: tuple[int, int]) -> None:
    """A pilot, its quote, and the version of the prompt before beside the one it was run with."""
    orchestrator = Orchestrator(repository)
    width, height = size
    job = piloted(orchestrator, f"archive-{width}")
    app = AbpApp(orchestrator.repository, lambda: orchestrator, job.name)

    def picture(screen: str) -> None:
        app.save_screenshot(f"{screen}-{width}x{height}.svg", str(folder))

    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: "passed in" in shown(app))
        await pilot.press("p")
        await until(pilot, lambda: "10 of 10 run" in shown(app) and "Doubtful" in shown(app))
        for n, key in enumerate("pppdpfp", 1):
            await pilot.press(key)
            await until(pilot, lambda n=n: sum(map(shown(app).count, MARKS)) >= n)
        picture("pilot")
        await pilot.press("a")
        await until(pilot, lambda: "Approve without a budget?" in shown(app))
        app.screen.refresh()  # what was read of it above has another screen behind it
        await pilot.pause(0.2)
        picture("quote")
        await pilot.press("n", "v")
        await until(pilot, lambda: "(current)" in shown(app) and "@@ -1" in shown(app))
        await pilot.pause(0.2)
        picture("versions")


def piloted(orchestrator: Orchestrator, name: str) -> Job:
    """A job whose pilot waits for review; the same units were piloted with the prompt before."""
    options = {"program": str(Path("priced").absolute())}
    items = {"base_directory": "archive"}
    job = orchestrator.create_job(name, INTENT, "file", items, worker="claude", worker_options=options)
    for better in (False, True):
        if better:
            orchestrator.reject(job.id)
            orchestrator.set_prompt(job.id, job.prompt_template.replace(*BETTER))
        orchestrator.test(job.id)
        orchestrator.pilot(job.id, 10, seed=7)
    return job


def make_archive() -> None:
    """Many texts, and a stand-in for an agent whose runs cost different sums."""
    Path("archive").mkdir()
    for n in range(240):
        texts = sorted(TEXTS.iterdir())
        text = texts[n % len(texts)]
        Path("archive", f"{n:03}-{text.stem[3:]}{text.suffix}").write_bytes(text.read_bytes() * (n // 24 + 1))
    priced = Path("priced")
    priced.write_text(f"#!/bin/sh\nSTANDIN={shlex.quote(str(STANDIN))}\n{PRICED}")
    priced.chmod(0o700)


async def fill(pilot: Pilot[None], name: str) -> None:
    """Fill the form in."""
    from textual.widgets import Input, Select, TextArea

    screen = pilot.app.screen
    screen.query_one("#name", Input).value = name
    screen.query_one("#intent", TextArea).text = INTENT
    screen.query_one("#set-base_directory", Input).value = "texts"
    screen.query_one("#set-pattern", Input).value = "*"
    screen.query_one("#worker", Select).value = "sample"
    await pilot.pause()


def prepare(repository: Repository, folder: Path) -> None:
    """Jobs for the list: one that has failed in part, one done, one that waits for a person."""
    orchestrator = Orchestrator(repository)
    failed = orchestrator.create_job(
        "find-dates",
        "Find the dates",
        "file",
        ITEMS,
        worker="command",
        worker_options={"argv": ["sh", "-c", FINDS_DATES, "sh", "{file_path}"]},
        max_retries=0,
        checks=[{"kind": "regex", "pattern": r"\A[^I]"}],
        cwd=folder,
    )
    orchestrator.skip_test(failed.id)
    done = orchestrator.create_job(
        "count-words",
        "Count",
        "file",
        ITEMS,
        worker="command",
        worker_options={"argv": ["wc", "-w", "{file_path}"]},
        cwd=folder,
    )
    orchestrator.skip_test(done.id)
    waits = orchestrator.create_job(
        "outline", "List the headings", "file", ITEMS, worker="sample", cwd=folder
    )
    orchestrator.test(waits.id)


def to_png(folder: Path) -> None:
    """Render each SVG where the program for it is there."""
    program = shutil.which("rsvg-convert")
    for svg in folder.glob("*.svg") if program else ():
        kept = svg.read_text().replace("<text ", '<text xml:space="preserve" ').replace("&#160;", " ")
        command = [str(program), "-o", str(svg.with_suffix(".png"))]
        subprocess.run(command, check=True, input=kept.encode())  # it would fold blanks otherwise


def main() -> None:
    """Make all pictures."""
    folder = (Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="abp-") as scratch:
        repository = Repository(Path(scratch) / "data" / "abp.db")
        os.chdir(scratch)
        os.environ["LOGNAME"] = "ann"  # who saves versions
        shutil.copytree(TEXTS, "texts")
        prepare(repository, Path(scratch))
        make_archive()
        for size in SIZES:
            asyncio.run(tour(folder, repository, size))
            asyncio.run(pilot_tour(folder, repository, size))
    to_png(folder)


if __name__ == "__main__":
    main()
