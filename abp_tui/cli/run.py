"""Starting, steering and awaiting the batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from abp_tui.cli.common import (
    engine_options,
    job_argument,
    open_orchestrator,
    open_repository,
    placing,
    say,
    wait_option,
)
from abp_tui.cli.watching import after_launch, wait_for
from abp_tui.words import counted

if TYPE_CHECKING:
    from abp_tui.domain.model import Job


@click.command()
@job_argument
@click.option("--skip-test", is_flag=True, help="Run the whole batch at once, without a test.")
@engine_options
@wait_option
def start(
    job: str,
    skip_test: bool,
    engine: str | None,
    scheduler: str | None,
    ship_files: bool | None,
    wait: bool,
) -> int:
    """Start a job: test one unit, or with --skip-test (or ABP_SKIP_TEST=1) run the whole batch.

    The test runs on this machine; where the batch runs is kept for it, and for `abp resume` and `abp retry`.

    \b
    abp start docs
    abp start docs --skip-test --wait
    abp start docs --engine dask --scheduler tcp://head:8786
    """
    from abp_tui.domain.status import JobStatus
    from abp_tui.settings import load_settings

    orchestrator = open_orchestrator()
    created = orchestrator.repository.jobs.find(job).status is JobStatus.CREATED
    with placing(orchestrator, job, engine, scheduler, ship_files):
        if skip_test or (created and load_settings().skip_test):
            started = orchestrator.skip_test(job)
            return after_launch(orchestrator, started, wait)
        from abp_tui.cli.review import advise, run_test

        code = run_test(orchestrator, job, None)
    if wait:
        return wait_for(orchestrator.repository, job)
    advise(orchestrator, job)
    return code


@click.command()
@job_argument
def pause(job: str) -> None:
    """Let running units finish and start no more.

    \b
    abp pause docs && abp wait docs
    """
    found = open_orchestrator().pause(job)
    say(f"{found.name}: {_ending(found, 'pauses once its running units have ended')}")


@click.command()
@job_argument
@click.option("--unit", "seqs", type=int, multiple=True, metavar="SEQ", help="This unit only. Repeatable.")
def stop(job: str, seqs: tuple[int, ...]) -> None:
    """End the running agents now; their units wait again. Ends a running test, too.

    With --unit only the agents of these units are ended: the units have failed then, and the others go on.

    \b
    abp stop docs
    abp stop docs --unit 12
    """
    if seqs:
        orchestrator = open_orchestrator()
        for seq in seqs:
            orchestrator.end_unit(job, seq)
            say(f"unit {seq}: its agent is ended. Try it again: abp retry {job} --unit {seq}")
        return
    found = open_orchestrator().stop(job)
    say(f"{found.name}: {_ending(found, 'ends its agents now')}")


@click.command()
@job_argument
@click.option("--force", is_flag=True, help="End an executor that does not answer; what runs starts over.")
@click.option("--budget", type=float, metavar="USD", help="A paused job may cost so much in all from now on.")
@engine_options
@wait_option
def resume(
    job: str,
    force: bool,
    budget: float | None,
    engine: str | None,
    scheduler: str | None,
    ship_files: bool | None,
    wait: bool,
) -> int:
    """Go on with a paused or interrupted job; one that runs is left alone.

    Where a running job waits for a usage limit, one unit tries at once whether that is over. Where a job was
    paused because a login was needed, one unit tries whether it works now, and the others follow.

    \b
    abp resume docs --wait
    abp resume docs --budget 30
    abp resume docs --engine local
    """
    from abp_tui.domain.status import GateState, JobStatus
    from abp_tui.liveness import ELSEWHERE_S, hostname

    orchestrator = open_orchestrator()
    before = orchestrator.repository.jobs.find(job)
    if before.lease and before.lease.host != hostname():
        say(f"looking for up to {ELSEWHERE_S:.0f} s whether its executor on {before.lease.host} lives")
    with placing(orchestrator, job, engine, scheduler, ship_files):
        after = orchestrator.resume(job, force=force, budget_usd=budget)
    same = before.lease and after.lease and before.lease.executor == after.lease.executor
    if before.status is JobStatus.RUNNING and same:
        waits = before.gate is not None and before.gate.state is GateState.CLOSED
        say(f"{after.name}: one unit tries now, the others follow" if waits else f"{after.name} runs already")
        return wait_for(orchestrator.repository, after.id) if wait else 0
    return after_launch(orchestrator, after, wait)


@click.command()
@job_argument
@wait_option
def waive(job: str, wait: bool) -> int:
    """Let the synthesis step of a failed job run on the results that there are.

    \b
    abp waive docs --wait
    """
    orchestrator = open_orchestrator()
    return after_launch(orchestrator, orchestrator.waive(job), wait)


@click.command()
@job_argument
@click.argument("count", type=int, metavar="N")
def workers(job: str, count: int) -> None:
    """Change how many units run at a time, at once if the job runs.

    \b
    abp workers docs 8
    """
    found = open_orchestrator().set_workers(job, count)
    say(f"{found.name}: {counted(found.max_workers, 'worker')}")


@click.command()
@job_argument
@click.option("--timeout", type=float, metavar="S", help="Wait no longer than this many seconds.")
def wait(job: str, timeout: float | None) -> int:
    """Wait until a job has ended or needs a person.

    Exits 0 if it completed, 1 if it failed, 3 if it is paused or waits for a person, 4 if it was
    interrupted, 124 on timeout. Ctrl-C leaves the job alone.

    \b
    abp wait docs --timeout 3600
    """
    return wait_for(open_repository(), job, timeout)


def _ending(job: Job, how: str) -> str:
    from abp_tui.domain.status import JobStatus

    return "is paused" if job.status is JobStatus.PAUSED else how
