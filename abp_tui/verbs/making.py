"""Making a job."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from abp_tui.creation import (
    Found,
    Plan,
    Preview,
    check,
    check_prompt,
    create,
    create_empty,
    look,
    preview,
    prompt,
    with_timers,
)
from abp_tui.domain.check import plain, read_checks
from abp_tui.domain.model import Job
from abp_tui.domain.prompt import PromptTemplate, synthesis_prompt
from abp_tui.domain.structured import Schema
from abp_tui.enumerators.base import Approval, Enumerator, make_enumerator
from abp_tui.errors import InvalidInput
from abp_tui.verbs.base import Verbs
from abp_tui.workers.base import Worker, registry


class Making(Verbs):
    """Plan, preview and write jobs."""

    def plan(
        self,
        name: str,
        user_intent: str,
        enumerator_type: str,
        enumerator_config: Mapping[str, Any],
        *,
        prompt_template: str | None = None,
        worker: str | None = None,
        worker_options: Mapping[str, Any] | None = None,
        max_workers: int | None = None,
        max_retries: int | None = None,
        max_failures_in_row: int | None = None,
        timeout: float | None = None,
        timers: Mapping[str, float] | None = None,
        budget_usd: float | None = None,
        output_schema: Mapping[str, Any] | None = None,
        post_processing_prompt: str | None = None,
        checks: Sequence[Mapping[str, Any]] = (),
        cwd: str | Path | None = None,
    ) -> Plan:
        """Build what a job is made of and write nothing; raises `NotFound` or `InvalidInput`.

        `timeout` is the longest that one attempt may take, in seconds; `timers` sets that and others by their
        names in `Timers`. `output_schema` is a JSON schema, as `model_json_schema()` of a pydantic model is
        one. `checks` is what each outcome is checked for, as `domain.check` has them. `cwd` is where the
        agents run, by default this process's folder. What is left out comes from the settings.
        """
        agent = self._build_worker(worker, worker_options or {})
        total_s = self.settings.timeout_s if timeout is None else float(timeout)
        if output_schema is not None:
            Schema(output_schema).check()
        source = self._source(enumerator_type, enumerator_config)
        folder = str(Path(cwd or os.getcwd()).expanduser().absolute())  # noqa: PTH109
        return Plan(
            name=name.strip(),
            user_intent=user_intent,
            client=self.client.name if self.client else None,
            held=self._held(source, agent, worker or agent.name, folder),
            enumerator=source,
            worker=agent,
            worker_options=agent.options.model_dump(mode="json", exclude_defaults=True),
            timers=with_timers(agent.default_timers, {"total": total_s, **(timers or {})}),
            cwd=folder,
            max_workers=self.settings.max_workers if max_workers is None else max_workers,
            max_retries=self.settings.max_retries if max_retries is None else max_retries,
            max_failures_in_row=(
                self.settings.max_failures_in_row if max_failures_in_row is None else max_failures_in_row
            ),
            prompt_template=prompt_template,
            budget_usd=budget_usd,
            output_schema=output_schema,
            post_processing_prompt=_synthesis_prompt(post_processing_prompt),
            checks=plain(read_checks(checks)),
        )

    def _held(self, source: Enumerator[Any], agent: Worker[Any], worker: str, folder: str) -> tuple[str, ...]:
        """What a person must approve before anything of it runs, in words that each follow "it".

        What the worker of another package does, with or without options, is not ours to know. Agents take
        permissions and hooks from settings in the folder that they run in: a person has chosen this
        process's, no other.
        """
        if not self._must_ask:
            return ()
        reads = source.reserved()
        elsewhere = Path(folder).resolve() != Path.cwd().resolve()
        foreign = agent is not self._worker and not registry.is_ours(worker)
        return (
            *([reads] if reads else []),
            *([f"runs {worker}, a worker of another package"] if foreign else []),
            *([f"runs {agent.name} in {folder}, with the settings of that folder"] if elsewhere else []),
            *agent.reserved(),
        )

    def _source(self, name: str, config: Mapping[str, Any]) -> Enumerator[Any]:
        """The source of items, told if a person has approved it before, or has let the client do so."""
        source = make_enumerator(name, config)
        trusted = self.client is not None and self.client.may_approve
        if (wanted := source.approval()) and (trusted or self.repository.approvals.given(wanted.sha256)):
            source.approve(wanted.sha256)
        return source

    def missing_approval(self, plan: Plan) -> Approval | None:
        """The code that a person must approve before the plan's items can be looked for; None for none."""
        wanted = plan.enumerator.approval()
        return None if wanted is None or self.repository.approvals.given(wanted.sha256) else wanted

    def approve_source(self, plan: Plan, sha256: str, *, keep: bool = True) -> None:
        """A person has approved what has this hash; raises `ApprovalNeeded` where the plan's is another.

        It is kept for all time, or with `keep` false for this plan only.
        """
        wanted = plan.enumerator.approval()
        if wanted is None:
            raise InvalidInput(f"a {plan.enumerator.name} source runs no code", "there is nothing to approve")
        plan.enumerator.approve(sha256)
        if keep:
            self.repository.approvals.add(wanted.kind, wanted.sha256, f"{wanted.text}\0{wanted.context}")

    def preview(self, plan: Plan, first: int = 5) -> Preview:
        """What `create_planned` would make of a plan: count, first items, their prompts, warnings.

        Raises what that would raise before it writes: a plan that can be previewed can be made.
        """
        return preview(self.repository, plan, self._synthesizer, first)

    def look(self, plan: Plan, first: int = 5) -> Found:
        """The part of `preview` that depends on the source alone: all its items, seen once."""
        return look(plan.enumerator, first)

    def check(self, plan: Plan) -> None:
        """The part of `preview` that no item is needed for; raises `InvalidInput`."""
        check(self.repository, plan)

    def prompt_for(self, plan: Plan, found: Found) -> PromptTemplate:
        """The part of `preview` that is about the prompt; raises `InvalidInput`."""
        return prompt(plan, self._synthesizer, found.fields, found.items[0].payload)

    def create_planned(self, plan: Plan) -> Job:
        """Write the job of a plan with all its units; raises `InvalidInput` and then leaves nothing.

        Where a person must approve its source first, the units are written by `approve`.
        """
        if plan.held and plan.enumerator.reserved():
            return create_empty(self.repository, plan)
        return create(self.repository, plan, self._synthesizer)

    def create_job(
        self,
        name: str,
        user_intent: str,
        enumerator_type: str,
        enumerator_config: Mapping[str, Any],
        *,
        prompt_template: str | None = None,
        worker: str | None = None,
        worker_options: Mapping[str, Any] | None = None,
        max_workers: int | None = None,
        max_retries: int | None = None,
        max_failures_in_row: int | None = None,
        timeout: float | None = None,
        timers: Mapping[str, float] | None = None,
        budget_usd: float | None = None,
        output_schema: Mapping[str, Any] | None = None,
        post_processing_prompt: str | None = None,
        checks: Sequence[Mapping[str, Any]] = (),
        cwd: str | Path | None = None,
    ) -> Job:
        """`plan` and `create_planned` in one: returns the job with its prompt and counts."""
        plan = self.plan(
            name,
            user_intent,
            enumerator_type,
            enumerator_config,
            prompt_template=prompt_template,
            worker=worker,
            worker_options=worker_options,
            max_workers=max_workers,
            max_retries=max_retries,
            max_failures_in_row=max_failures_in_row,
            timeout=timeout,
            timers=timers,
            budget_usd=budget_usd,
            output_schema=output_schema,
            post_processing_prompt=post_processing_prompt,
            checks=checks,
            cwd=cwd,
        )
        return self.create_planned(plan)


def _synthesis_prompt(text: str | None) -> str | None:
    if text is None:
        return None
    check_prompt(text)
    return synthesis_prompt(text)
