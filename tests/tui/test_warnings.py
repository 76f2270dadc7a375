"""That permission checks are skipped is said in red words on every screen that shows the job."""

from __future__ import annotations

from pathlib import Path

from abp_tui.domain.status import JobStatus
from abp_tui.tui.screens.base import AbpScreen
from abp_tui.tui.screens.failures import FailuresScreen
from abp_tui.tui.screens.log import LogScreen
from abp_tui.tui.screens.pilot import PilotScreen
from abp_tui.tui.screens.progress import ProgressScreen
from abp_tui.tui.screens.review import ReviewScreen
from abp_tui.tui.screens.unit import UnitScreen
from abp_tui.tui.screens.versions import VersionsScreen
from abp_tui.tui.widgets.glyphs import BAD
from abp_tui.tui.widgets.warning_bar import WarningBar
from tests.factories import make_job
from tests.tui.screens import ALL, InProcess, running, shown, until, until_shown

WORDS = "Each agent SKIPS ALL PERMISSION CHECKS"
OF_A_JOB = (
    FailuresScreen,
    LogScreen,
    PilotScreen,
    ProgressScreen,
    ReviewScreen,
    UnitScreen,
    VersionsScreen,
)


def reckless(folder: Path) -> InProcess:
    orchestrator = InProcess(folder)
    options = {"permission_mode": "bypassPermissions"}
    make_job(orchestrator.repository, 5, worker="claude", worker_options=options, status=JobStatus.RUNNING)
    return orchestrator


async def test_the_list_of_jobs_says_it(tmp_path: Path) -> None:
    async with running(reckless(tmp_path)) as pilot:
        await until_shown(pilot, "words UNCHECKED", "SKIPS ALL")


@ALL
async def test_every_screen_of_the_job_says_it(tmp_path: Path, size: tuple[int, int]) -> None:
    orchestrator = reckless(tmp_path)
    async with running(orchestrator, size) as pilot:
        for screen in OF_A_JOB:
            pilot.app.push_screen(UnitScreen(1, 0) if screen is UnitScreen else screen(1))
            await until(pilot, lambda screen=screen: isinstance(pilot.app.screen, screen))
            await until_shown(pilot, WORDS)
            (bar,) = pilot.app.screen.query(WarningBar)
            assert all(BAD in span.style for span in bar.render().spans)


async def test_no_screen_of_a_careful_job_does(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path)
    make_job(orchestrator.repository, 5, status=JobStatus.RUNNING)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "5 waiting")
        assert "SKIPS" not in shown(pilot) and pilot.app.screen.query_one(WarningBar).size.height == 0


def test_no_screen_is_left_out() -> None:
    def below(screen: type[AbpScreen]) -> set[type[AbpScreen]]:
        return {screen}.union(*(below(each) for each in screen.__subclasses__()))

    others = {"AbpScreen", "AttemptScreen", "JobsScreen", "NewJobScreen", "SteeredScreen"}
    assert {screen.__name__ for screen in below(AbpScreen)} - others == {s.__name__ for s in OF_A_JOB}
