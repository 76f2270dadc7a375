"""`abp new`: make a job."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from abp_tui.cli.checks import check_options, checks_of
from abp_tui.cli.common import (
    code_of,
    complain,
    ended_as_by_ctrl_c,
    open_orchestrator,
    put,
    put_text,
    say,
    text_or_file,
)
from abp_tui.cli.flags import in_flags
from abp_tui.cli.new_source import see_to_approval, source_of, source_options
from abp_tui.cli.progress import Bar
from abp_tui.cli.text import one_line
from abp_tui.errors import AbpError
from abp_tui.verbs.typed import key_value, number, schema_in
from abp_tui.words import counted

if TYPE_CHECKING:
    from abp_tui.creation import Plan
    from abp_tui.domain.model import Job
    from abp_tui.orchestrator import Orchestrator

COMMAND = "abp_tui.cli.new"


class WithCommand(click.Command):
    """Takes what stands behind `--` as a command of its own, whatever it looks like."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep the command in `ctx.meta` and parse the rest."""
        if "--" in args:
            at = args.index("--")
            args, ctx.meta[COMMAND] = args[:at], args[at + 1 :]
            if not ctx.meta[COMMAND]:
                raise click.UsageError("there is no command behind `--`", ctx)
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """As click has it, with the command."""
        return [*super().collect_usage_pieces(ctx), "[-- COMMAND ARG..]"]


@click.command(cls=WithCommand)
@click.argument("name")
@click.option("--intent", required=True, metavar="TEXT|@FILE", help="What is to be done with each item.")
@source_options
@click.option(
    "--prompt", metavar="TEXT|@FILE", help="The prompt, with {field}s, instead of the standard one."
)
@click.option("--cwd", metavar="DIR", help="Where the agents run; by default here.")
@click.option("--worker", metavar="NAME", help="The agent: `claude`, or `command` if there is one behind --.")
@click.option("--worker-option", "options", multiple=True, metavar="K=V", help="Repeatable; V may be JSON.")
@click.option("--max-workers", type=int, metavar="N", help="Units that run at a time.")
@click.option("--max-retries", type=int, metavar="N", help="Further attempts after a failed one.")
@click.option("--timeout", type=float, metavar="S", help="The longest that one attempt may take, in seconds.")
@click.option(
    "--timer",
    "timers",
    multiple=True,
    metavar="NAME=S",
    help="first_event, idle, total, grace or backoff. Repeatable.",
)
@click.option("--schema", metavar="FILE", help="A JSON schema that each result must fit.")
@click.option("--budget", type=float, metavar="USD", help="Stop before more than this is spent.")
@click.option(
    "--max-failures-in-row", type=int, metavar="N", help="Pause once N units in a row have failed; 0: never."
)
@click.option("--post", metavar="TEXT|@FILE", help="A prompt that runs once over all results, at the end.")
@check_options
@click.option("--dry-run", is_flag=True, help="Show the count and the first prompt, and write nothing.")
@click.pass_context
def new(ctx: click.Context, /, name: str, dry_run: bool, **given: Any) -> int:
    """Make a job and print its id. Nothing runs yet: test one unit next.

    In the intent, the prompt and the command, {field} takes a field of the item; a file has file_path,
    relative_path, file_name, file_stem, file_extension and file_size, a row has its columns, see `abp
    sources`. The prompt of --post may name {results_file}, a file with one JSON line per unit; a
    command's own {field}s are empty in that step.

    Timers are in seconds, 0 for none: first_event until the first sign of life, idle for the longest
    silence, total (the same as --timeout), grace from the result until the program must be gone, backoff
    before the first retry. With --schema each result is JSON that fits, whatever the agent: an answer that
    misses it is sent back up to twice.

    A unit that ran but fails a check is suspect: counted and listed apart. A command of --check runs in the
    job's folder, without a shell, with the output on its stdin. Signs of doubt in an agent's words are
    looked for without being asked for: see --no-tells.

    \b
    abp new docs --intent "Find unclear sentences" --files docs --pattern '*.md' --budget 5
    abp new talks --intent "Summarise {file_path}" --files talks --post "Write a programme of all talks"
    abp new parts --intent "List the parts in {file_path}" --files specs --schema parts.json --timer idle=120
    abp new words --intent "Count the words" --files texts -- wc -w {file_path}
    abp new mails --intent "Answer {text}" --csv mails.csv --id-column number
    abp new lint --intent "Mend {file_path}" --files src --check 'ruff check {file_path}' --check-changed
    abp new rows --intent "Check {b}" --csv x.txt --delimiter ';' --encoding cp1252 --columns a,b
    """
    orchestrator = open_orchestrator()
    try:
        with ended_as_by_ctrl_c():
            job = _make(orchestrator, name, ctx.meta.get(COMMAND), given, dry_run)
    except AbpError as error:
        if not given["source"]:
            in_flags(error)
        raise
    except KeyboardInterrupt as interrupt:
        complain("interrupted", "no job was made")
        return code_of(interrupt)
    if job is None:
        return 0
    put(job.ref)
    for entry in orchestrator.repository.logs.after(job.id):
        say(one_line(f"{entry.level}: {entry.message}"))
    say(f"{job.name}: {counted(job.counters.total, 'unit')} for {job.worker}. Next: abp test {job.name}")
    return 0


def _make(
    orchestrator: Orchestrator, name: str, command: list[str] | None, given: dict[str, Any], dry_run: bool
) -> Job | None:
    """The job, or where it is only to be shown what it would be, None."""
    plan = _plan(orchestrator, name, command, given)
    orchestrator.check(plan)
    see_to_approval(orchestrator, plan, given["approve_code"], keep=not dry_run)
    if dry_run:
        _show(orchestrator, plan)
        return None
    repository = orchestrator.repository

    def written() -> int:
        there = repository.units.bounds(repository.jobs.find(plan.name).id)
        return there[1] + 1 if there else 0

    with Bar("units") as bar, bar.following(written):
        return orchestrator.create_planned(plan)


def _plan(orchestrator: Orchestrator, name: str, command: list[str] | None, given: dict[str, Any]) -> Plan:
    source, config = source_of(given)
    worker, options = _worker(given["worker"], given["options"], command)
    return orchestrator.plan(
        name,
        text_or_file(given["intent"]) or "",
        source,
        config,
        prompt_template=text_or_file(given["prompt"]),
        worker=worker,
        worker_options=options,
        max_workers=given["max_workers"],
        max_retries=given["max_retries"],
        timeout=given["timeout"],
        timers=dict(_timer(setting) for setting in given["timers"]),
        output_schema=None if given["schema"] is None else schema_in(given["schema"]),
        budget_usd=given["budget"],
        max_failures_in_row=given["max_failures_in_row"],
        post_processing_prompt=text_or_file(given["post"]),
        checks=checks_of(given),
        cwd=given["cwd"],
    )


def _worker(
    name: str | None, settings: tuple[str, ...], command: list[str] | None
) -> tuple[str, dict[str, Any]]:
    """The worker's name and options."""
    options = dict(key_value(text, "--worker-option") for text in settings)
    if command:
        options["argv"] = command
    return name or ("command" if command else "claude"), options


def _timer(setting: str) -> tuple[str, float]:
    name, _, seconds = setting.partition("=")
    return name, number(seconds, f"the timer {name}")


def _show(orchestrator: Orchestrator, plan: Plan) -> None:
    """What would be made, without making it."""
    from abp_tui.domain.check import check_words

    seen = orchestrator.preview(plan)
    say(f"{plan.name}: {counted(seen.count, 'unit')} for {plan.worker.name}; nothing was written")
    for warning in seen.warnings:
        say(one_line(f"warning: {warning}"))
    for words in check_words(plan.checks):
        say(one_line(f"check: {words}"))
    say("the first items:")
    for item in seen.items:
        say(one_line(f"  {item.key}  {json.dumps(dict(item.payload), ensure_ascii=False, default=str)}", 200))
    say("the prompt of the first:")
    put_text(seen.prompt(0))
