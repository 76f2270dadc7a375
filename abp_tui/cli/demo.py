"""`abp demo`: a whole job over texts that come with the program."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.resources import files
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import click

from abp_tui.cli.common import open_orchestrator, put, say
from abp_tui.cli.text import one_line
from abp_tui.errors import AbpError, InvalidInput, WorkerUnavailable
from abp_tui.words import counted

if TYPE_CHECKING:
    from abp_tui.domain.model import Job
    from abp_tui.orchestrator import Orchestrator
    from abp_tui.workers.base import Probe

SAMPLE = "sample"
INTENT = (
    "Read the text and say in two sentences what it is about and who would want to read it. Change nothing."
)
PACE_S = 1.5


@click.command()
@click.option("--no-tui", is_flag=True, help="Run it to its end right here, without the app.")
@click.option("--worker", default=SAMPLE, show_default=True, metavar="NAME", help="A real agent instead.")
def demo(no_tui: bool, worker: str) -> int:
    """Try it out on a dozen short texts: no key, no network, no cost.

    Makes a job, and opens the app on it. Without a terminal it tests, approves and runs it, and prints
    the results.

    \b
    abp demo
    abp demo --no-tui
    abp demo --worker claude
    """
    in_app = not no_tui and sys.stdin.isatty() and sys.stdout.isatty()
    orchestrator = open_orchestrator()
    _introduce(worker)
    job = _create(orchestrator, worker, PACE_S if in_app else 0.0)
    if not in_app:
        return _run_here(orchestrator, job)
    from abp_tui.tui import run

    run(job.ref)
    return 0


def _introduce(worker: str) -> None:
    """Say what will work on the texts, and what else could; raises `WorkerUnavailable`."""
    if worker != SAMPLE:
        probe = _probe(worker)
        if probe and not probe.available:
            raise WorkerUnavailable(f"worker {worker}: {probe.detail}", probe.hint)
        say(f"The texts go to {worker}. This may cost money.")
        return
    say("The offline sample works on the texts: it only counts, is no language model, and costs nothing.")
    for name, found in _agents():
        where = one_line(f"{found.version or ''} {found.detail}")
        say(f"Found {name} ({where}): `abp demo --worker {name}` would use it")


def _agents() -> Iterator[tuple[str, Probe]]:
    """The workers that could run here, just as they are."""
    from abp_tui.workers.base import registry

    for name in registry.names():
        probe = _probe(name) if name != SAMPLE else None
        if probe and probe.available:
            yield name, probe


def _probe(name: str) -> Probe | None:
    """What is known of a worker here; None for one that can't be named without options."""
    from abp_tui.workers.base import make_worker

    try:
        worker = make_worker(name, {})
    except InvalidInput:
        return None
    return worker.probe()


def _create(orchestrator: Orchestrator, worker: str, pace_s: float) -> Job:
    folder = Path(str(files("abp_tui") / "demo_texts"))
    if not folder.is_dir():
        raise AbpError(f"the demo's texts are not in {folder}", "install abp anew, as files and not as a zip")
    return orchestrator.create_job(
        _free_name(orchestrator),
        INTENT,
        "file",
        {"base_directory": str(folder), "pattern": ["*.md", "*.txt"]},
        worker=worker,
        worker_options={"pace_s": pace_s} if worker == SAMPLE else {},
    )


def _free_name(orchestrator: Orchestrator) -> str:
    taken = {job.name for job in orchestrator.repository.jobs.all()}
    names = (f"demo-{n}" if n > 1 else "demo" for n in count(1))
    return next(name for name in names if name not in taken)


def _run_here(orchestrator: Orchestrator, job: Job) -> int:
    """Test, approve, run and print the results; returns what `abp wait` would."""
    from abp_tui.cli.look import put_units
    from abp_tui.cli.review import run_test
    from abp_tui.cli.watching import wait_for

    say(f"{job.name}: {counted(job.counters.total, 'text')}. First a test of one:")
    if code := run_test(orchestrator, job.ref, None):
        return code
    say("It went well, so the demo approves it for you:")
    orchestrator.approve(job.id)
    code = wait_for(orchestrator.repository, job.id)
    put("")
    put_units(orchestrator.repository, orchestrator.repository.jobs.get(job.id))
    say(f"One in full: abp events {job.name} --unit 0. All of it: abp export {job.name} -o FILE")
    return code
