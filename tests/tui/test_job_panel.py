from __future__ import annotations

from abp_tui.feed import Pace
from abp_tui.store.repository import Repository
from abp_tui.tui.widgets.job_panel import job_facts
from abp_tui.views import view_job
from tests.factories import make_job


def test_the_form_of_the_results_is_shown_where_there_is_one(repository: Repository) -> None:
    job = make_job(repository)
    without = {fact[0]: fact[1] for fact in job_facts(view_job(job), Pace())}
    repository.recipes.add(job.recipe, output_schema={"type": "object"})
    within = {fact[0]: fact[1] for fact in job_facts(view_job(repository.jobs.get(job.id)), Pace())}
    assert (without["results"], within["results"]) == ("", 'JSON: {"type": "object"}')
