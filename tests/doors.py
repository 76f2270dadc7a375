"""Reads from the code itself which verbs each door calls: what a face does, followed through that face."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import abp_tui

ROOT = Path(abp_tui.__file__).parent
Function = ast.FunctionDef | ast.AsyncFunctionDef
STARTS = frozenset({"launch_executor", "JobExecutor", "recovered_journal"})  # what runs something

# Beside the store itself, what leaves it for a file is a change that a person asked for.
ALSO_CHANGES = frozenset({"export"})


@dataclass(frozen=True)
class Place:
    """A function, where it stands."""

    module: Path
    node: Function = field(hash=False, compare=False)
    line: int


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def modules(*parts: str) -> tuple[Path, ...]:
    """The files of a room: one module or a package."""
    path = ROOT.joinpath(*parts)
    return tuple(sorted(path.rglob("*.py"))) if path.is_dir() else (path.with_suffix(".py"),)


@cache
def functions(paths: tuple[Path, ...]) -> dict[str, list[Place]]:
    """All functions and methods by name, nested ones too."""
    found: dict[str, list[Place]] = {}
    for path in paths:
        for node in ast.walk(tree(path)):
            if isinstance(node, Function):
                found.setdefault(node.name, []).append(Place(path, node, node.lineno))
    return found


def chain(node: ast.expr) -> list[str]:
    """`a.b.c` as its names; a call in it counts by its function's name."""
    names: list[str] = []
    while True:
        if isinstance(node, ast.Attribute):
            names.append(node.attr)
            node = node.value
        elif isinstance(node, ast.Call):
            node = node.func
        else:
            return [*([node.id] if isinstance(node, ast.Name) else []), *reversed(names)]


@cache
def chains(node: ast.AST) -> list[list[str]]:
    """All dotted names in a piece of code."""
    return [chain(inner) for inner in ast.walk(node) if isinstance(inner, ast.Attribute)]


def reached(start: Place, paths: tuple[Path, ...]) -> list[Place]:
    """A function with all of the same room that it names, and so on.

    A name means the function in the same file, or the only one of that name in the room.
    """
    known, seen, left = functions(paths), {start}, [start]
    while left:
        place = left.pop()
        for name in _named(place.node) - _elsewhere(place, known):
            places = known.get(name, [])
            here = [other for other in places if other.module == place.module]
            for other in here or (places if len(places) == 1 else []):
                if other not in seen:
                    seen.add(other)
                    left.append(other)
    return list(seen)


def _elsewhere(place: Place, known: dict[str, list[Place]]) -> set[str]:
    """Plain names that happen to be those of functions in files from which nothing was imported here."""
    plain = _plain(place.node)
    here = {name for name in plain if any(p.module == place.module for p in known.get(name, ()))}
    return plain - _imported(place.module) - here


@cache
def _imported(path: Path) -> set[str]:
    imports = (node for node in ast.walk(tree(path)) if isinstance(node, ast.ImportFrom))
    return {alias.asname or alias.name for node in imports for alias in node.names}


@cache
def _plain(node: Function) -> set[str]:
    """The plain names in it that are no variables of its own."""
    names = [inner for inner in ast.walk(node) if isinstance(inner, ast.Name)]
    own = {name.id for name in names if isinstance(name.ctx, ast.Store)}
    own |= {inner.arg for inner in ast.walk(node) if isinstance(inner, ast.arg)}
    return {name.id for name in names} - own


@cache
def _named(node: Function) -> set[str]:
    own = ("self", "cls")
    return _plain(node) | {names_[1] for names_ in chains(node) if len(names_) == 2 and names_[0] in own}


# The store and the orchestrator


@cache
def rooms() -> dict[str, str]:
    """The rooms of the repository: their names, and their classes."""
    known = functions(modules("store", "repository"))
    found = {}
    for node in ast.walk(known["__init__"][0].node):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            found[chain(node.targets[0])[-1]] = chain(node.value.func)[-1]
    for name, [place] in known.items():  # those that are made when they are first asked for
        last = place.node.body[-1]
        if isinstance(last, ast.Return) and isinstance(last.value, ast.Call):
            found[name] = chain(last.value.func)[-1]
    return {name: kind for name, kind in found.items() if kind[0].isupper() and name != "database"}


@cache
def writers() -> frozenset[tuple[str, str]]:
    """The methods of the repository's rooms that write, as (room, method)."""
    room_of = {kind: room for room, kind in rooms().items()}
    found = set()
    for path in modules("store"):
        for kind in tree(path).body:
            if isinstance(kind, ast.ClassDef) and kind.name in room_of:
                for node in kind.body:
                    if isinstance(node, Function) and _writes(Place(path, node, node.lineno)):
                        found.add((room_of[kind.name], node.name))
    return frozenset(found)


def _writes(place: Place) -> bool:
    return any(
        names[-1] == "writing" or names[-2:] == ["_db", "run"]
        for other in reached(place, modules("store"))
        if other.module == place.module or other.node.name in ("delete_rows", "give_back")
        for names in chains(other.node)
    )


@cache
def verbs() -> dict[str, Place]:
    """The public methods of the orchestrator."""
    paths = (*modules("orchestrator"), *modules("verbs"))
    return {
        name: places[0]
        for name, places in functions(paths).items()
        if not name.startswith("_") and name not in ("next_step",)
    }


@cache
def changers() -> frozenset[str]:
    """The orchestrator's verbs that change or start something."""
    paths = (*modules("orchestrator"), *modules("verbs"), *modules("creation"))
    return ALSO_CHANGES | {name for name, place in verbs().items() if _changes(place, paths)}


def _changes(place: Place, paths: tuple[Path, ...]) -> bool:
    for other in reached(place, paths):
        if STARTS & _named(other.node):
            return True
        if any(tuple(names[-2:]) in writers() and "repository" in names for names in chains(other.node)):
            return True
    return False


# The doors


def calls(start: Place, paths: tuple[Path, ...]) -> set[str]:
    """What a function of a face calls behind it: verbs by name, and the repository as `room.method`."""
    found = set()
    for place in reached(start, paths):
        for names in chains(place.node):
            if len(names) < 2:
                continue
            if names[-2] in ("orchestrator", "open_orchestrator") and names[-1] in verbs():
                found.add(names[-1])
            if names[-2] in rooms() and names[-3:-2] in (["repository"], ["store"], ["open_repository"]):
                found.add(".".join(names[-2:]))
    return found


def changing(called: set[str]) -> set[str]:
    """Those that change something."""
    written = {f"{room}.{method}" for room, method in writers()}
    return called & (changers() | written)


def cli_verbs() -> dict[str, set[str]]:
    """What each verb of the command line calls."""
    from abp_tui.cli.group import ATTRIBUTE_OF, MODULE_OF

    found = {}
    for verb, module in MODULE_OF.items():
        path = ROOT.joinpath(*module.split(".")[1:]).with_suffix(".py")
        [place] = functions((path,))[ATTRIBUTE_OF.get(verb, verb)]
        found[verb] = calls(place, modules("cli"))
    return found


def tui_actions() -> dict[str, set[str]]:
    """What each command of the screens calls, by the id of the command."""
    from abp_tui.tui.commands import COMMANDS

    known, found = functions(modules("tui")), {}
    for command in COMMANDS:
        places = known.get(f"action_{command.action.partition('(')[0]}", [])
        at_home = [place for place in places if command.scope in place.module.stem.split("_")[0]]
        for place in (at_home or places)[:1]:
            found[command.id] = calls(place, modules("tui"))
    return found


def mcp_tools() -> dict[str, set[str]]:
    """What each tool of the MCP server calls; nothing where there is no such door."""
    if not (ROOT / "mcp").is_dir():
        return {}
    paths = modules("mcp")
    return {
        place.node.name: calls(place, paths)
        for places in functions(paths).values()
        for place in places
        if any("tool" in chain(decorator) for decorator in place.node.decorator_list)
    }
