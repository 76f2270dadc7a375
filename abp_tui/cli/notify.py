"""`abp notify`: does it reach me."""

from __future__ import annotations

import click

from abp_tui.cli.common import complain, job_argument, open_repository, say
from abp_tui.errors import InvalidInput


@click.command()
@job_argument
def notify(job: str) -> int:
    """Send a notice of a job as it is now on all ways that are set, to see that it arrives.

    Set them in config.toml; `abp config` shows what is set. While a job runs its executor sends one when
    the job needs you or ends. A command runs in the folder of the job, and gets it as JSON on its stdin
    and in ABP_NOTICE_OCCASION, _TEXT, _JOB, _JOB_ID and _STATUS; `abp fields notice` says what is in it.
    A webhook may have ${VAR} in its address. The bell rings in the app, in `abp wait` and in `abp test`.
    Exits with 1 where one has failed.

    \b
    [notify]
    on = ["review", "question", "paused", "limit", "interrupted", "completed", "failed"]
    bell = true
    desktop = true
    command = ["mail", "-s", "abp", "me"]
    webhook = "https://example.org/${HOOK_TOKEN}"

    \b
    abp notify docs
    """
    from abp_tui.domain.status import Occasion
    from abp_tui.notify import notice_of, occasion_of
    from abp_tui.notify.watch import send
    from abp_tui.settings import load_settings
    from abp_tui.views import view_job

    settings = load_settings().notify
    if not settings.goes_out:
        raise InvalidInput("no way is set on which to notify anybody", "see `abp notify --help`")
    view = view_job(open_repository().jobs.find(job))
    outcomes = send(settings, notice_of(view, occasion_of(view) or Occasion.REVIEW), view.cwd)
    for channel, error in outcomes:
        if error is None:
            say(f"{channel.name}: sent")
        else:
            complain(error.message, error.hint)
    return int(any(error for _, error in outcomes))
