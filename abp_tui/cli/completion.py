"""Completion in the shell: verbs, options, and what stands in the store or is registered."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import click
from click.shell_completion import CompletionItem, get_completion_class

from abp_tui.cli.common import put
from abp_tui.errors import AbpError

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_ABP_COMPLETE"

Completer = Callable[[str], Iterable[CompletionItem]]


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print what makes a shell complete verbs, options, jobs, sources and workers.

    \b
    abp completion bash > ~/.local/share/bash-completion/completions/abp
    abp completion fish > ~/.config/fish/completions/abp.fish
    eval "$(abp completion zsh)"         # in ~/.zshrc, behind compinit
    """
    from abp_tui.cli.group import abp

    kind = get_completion_class(shell)
    assert kind is not None, "click knows these shells"
    script = kind(abp, {}, "abp", VARIABLE)
    put(script.source_template % script.source_vars())


class Completed(click.types.StringParamType):
    """A text whose possible values are known somewhere."""

    def __init__(self, complete: Completer) -> None:
        self._complete = complete

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """What could be meant; nothing where that can't be seen, because the person is typing."""
        try:
            return [item for item in self._complete(incomplete) if str(item.value).startswith(incomplete)]
        except (AbpError, OSError):
            return []


def complete_values(command: click.Command) -> None:
    """Give the texts among a verb's parameters the values that their placeholders stand for."""
    for parameter in command.params:
        complete = _OF.get(parameter.metavar or "")
        if complete and isinstance(parameter.type, click.types.StringParamType):
            parameter.type = Completed(complete)


def _jobs(incomplete: str) -> Iterable[CompletionItem]:
    """Names, and once a `j` and a digit is there ids."""
    from abp_tui.settings import load_settings
    from abp_tui.store.names import job_names

    jobs = job_names(load_settings().database)
    if incomplete[:1] == "j" and incomplete[1:].isdecimal():
        return [CompletionItem(number, help=f"{name}, {status}") for number, name, status in jobs]
    return [CompletionItem(name, help=f"{number}, {status}") for number, name, status in jobs]


def _files(incomplete: str) -> Iterable[CompletionItem]:
    return [CompletionItem(incomplete, type="file")]


def _folders(incomplete: str) -> Iterable[CompletionItem]:
    return [CompletionItem(incomplete, type="dir")]


def _workers(_: str) -> Iterable[CompletionItem]:
    from abp_tui.workers.base import registry

    return map(CompletionItem, registry.names())


def _sources(_: str) -> Iterable[CompletionItem]:
    from abp_tui.enumerators.base import registry

    return map(CompletionItem, registry.names())


def _settings(_: str) -> Iterable[CompletionItem]:
    from abp_tui.verbs.typed import SETTINGS

    return (CompletionItem(f"{name}=") for name in SETTINGS)


def _models(_: str) -> Iterable[CompletionItem]:
    from abp_tui.cli.fields import MODELS

    return map(CompletionItem, MODELS)


_OF: dict[str, Any] = {
    "JOB": _jobs,
    "FILE": _files,
    "FILE|-": _files,
    "FILE.py": _files,
    "DIR": _folders,
    "NAME": _workers,
    "TYPE": _sources,
    "[K=V]..": _settings,
    "WHAT": _models,
}
