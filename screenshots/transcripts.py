"""Rewrites the README's transcripts: runs the commands of each block and puts below them what they say.

A block is a fenced one behind the line `<!-- transcript NAME -->`. Its lines that begin with `$ ` are run
by bash, all blocks of a NAME in one scratch folder with a store and a home of its own, after what `BEFORE`
has for that NAME; the rest of the block is what they said.

`python screenshots/transcripts.py [NAME]..` rewrites those blocks, by default all.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import abp_tui

README = Path(__file__).parents[1] / "README.md"
TEXTS = Path(abp_tui.__file__).with_name("demo_texts")
BLOCK = re.compile(r"(?P<mark><!-- transcript (?P<name>\S+) -->\n```\w*\n)(?P<body>.*?)(?=^```)", re.S | re.M)
PATIENCE_S = 120

# What an assistant does: it has a job made.
CLIENT = """
import asyncio, os
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import Implementation

async def ask():
    server = StdioServerParameters(command="abp", args=["mcp"], env=dict(os.environ), cwd=os.getcwd())
    who = Implementation(name="an assistant", version="1")
    async with Client(stdio_client(server), client_info=who) as client:
        made = await client.call_tool("create_job", {
            "name": "words", "user_intent": "Count the words", "enumerator_type": "file",
            "enumerator_config": {"base_directory": "notes", "pattern": "*.md"},
            "worker": "command", "worker_options": {"argv": ["wc", "-w", "{file_path}"]},
        })
        assert not made.is_error, made.content

asyncio.run(ask())
"""

# A job whose pilot has run, as in the pictures.
PILOTED = f"""
import os, sys
sys.path.insert(0, "{Path(__file__).parent}")
from make import Orchestrator, Path, Repository, make_archive, piloted
make_archive()
piloted(Orchestrator(Repository(Path(os.environ["ABP_STORAGE_PATH"]))), "archive")
"""

# Shell lines that are run before a block's own, and not shown.
BEFORE: dict[str, str] = {
    "export": """
        echo '{"type": "object", "properties": {"words": {"type": "integer"}}}' > words.json
        abp new -q words --intent "Count the words" --files notes --pattern '*.md' --schema words.json \\
            -- sh -c 'echo "{\\"words\\": $(wc -w < "$1")}"' sh {file_path}
        abp start words --skip-test --wait -q
    """,
    "notify": """
        mkdir -p .config/abp
        echo '[notify]
on = ["review", "question", "paused", "completed", "failed"]
command = ["sh", "-c", "jq -r .text >> told.txt"]
webhook = "https://example.org/hooks/${HOOK_TOKEN}"' > .config/abp/config.toml
        abp new -q words --intent "Count" --files notes --pattern '*.md' -- wc -w {file_path}
        abp test words -q > test.txt
        until [ -s told.txt ]; do sleep 0.1; done
    """,
    "mcp": f"{sys.executable} -c '{CLIENT}'",
    "quote": f"{sys.executable} -c '{PILOTED}'",
}


class Scene:
    """A scratch folder with the demo's texts in `notes`, where the blocks of one name are run in turn."""

    def __init__(self, name: str, folder: Path) -> None:
        self._folder = folder
        shutil.copytree(TEXTS, folder / "notes")
        bin_folder = Path(sys.executable).parent
        self._env = {
            "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "ABP_STORAGE_PATH": str(folder / "data" / "abp.db"),
        }
        if name in BEFORE:
            said, failed = self._bash(f"set -e\n{BEFORE[name]}")
            assert not failed, said

    def run(self, command: str) -> str:
        """What a command says on a terminal, its errors among it; the scratch folder is called ~."""
        return self._bash(command)[0]

    def _bash(self, command: str) -> tuple[str, bool]:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self._folder,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE_S,
        )
        said = done.stdout.decode("utf-8", "replace").replace(str(self._folder), "~")
        return "".join(f"{line.rstrip()}\n" for line in said.splitlines()), done.returncode != 0


def commands_of(body: str) -> Iterator[str]:
    """The commands of a block; one goes on where its line ends with a backslash."""
    lines = iter(body.splitlines())
    for line in lines:
        if line.startswith("$ "):
            command = [line.removeprefix("$ ")]
            while command[-1].endswith("\\"):
                command.append(next(lines))
            yield "\n".join(command)


def rewritten(text: str, names: set[str], scratch: Path) -> str:
    """The text with the blocks of these names, or of all, as the program speaks now."""
    scenes: dict[str, Scene] = {}

    def played(block: re.Match[str]) -> str:
        name = block["name"]
        if names and name not in names:
            return block[0]
        if name not in scenes:
            (folder := scratch / name).mkdir()
            scenes[name] = Scene(name, folder)
        said = (f"$ {command}\n{scenes[name].run(command)}" for command in commands_of(block["body"]))
        return block["mark"] + "".join(said)

    return BLOCK.sub(played, text)


def main() -> None:
    """Rewrite the README."""
    with tempfile.TemporaryDirectory(prefix="abp-") as scratch:
        text = README.read_text(encoding="utf-8")
        README.write_text(rewritten(text, set(sys.argv[1:]), Path(scratch)), encoding="utf-8")


if __name__ == "__main__":
    main()
