"""A real model on this machine behind real agents, with no network: from a new job to its export."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agents.claude import outer_variables
from tests.agents.local_model import LocalModel, can_be_cut_off, serving

pytestmark = [pytest.mark.agents, pytest.mark.timeout(400)]

NAMES = ("Ada", "Grace", "Linus")


@pytest.fixture(scope="module")
def model(model_folder: Path) -> Iterator[LocalModel]:
    with serving(model_folder) as model:
        yield model


class Abp:
    """The command, each time as a process of its own, that reaches nothing but the model."""

    def __init__(self, model: LocalModel, folder: Path, **env: str) -> None:
        self.model = model
        self.folder = folder
        own = {name: value for name, value in os.environ.items() if name not in outer_variables()}
        self.env = {**own, "ABP_STORAGE_PATH": str(folder / "abp.db"), **env}

    def __call__(self, *arguments: str) -> str:
        done = subprocess.run(
            [*self.model.prefix, sys.executable, "-m", "abp_tui", *arguments],
            env=self.env,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def make(self, name: str, worker: str, options: dict[str, str], *more: str) -> None:
        """Make a job that greets each of the names."""
        chosen = [part for key, value in options.items() for part in ("--worker-option", f"{key}={value}")]
        prompt = ("--intent", "Greet people", "--prompt", "Say hello to {name}.")
        self("new", name, "--csv", "names.csv", *prompt, "--worker", worker, *chosen, *more)

    def process(self, name: str) -> list[dict[str, object]]:
        """Test one unit of a job, approve it, and give back what is exported in the end."""
        self("test", name)
        self("approve", name, "--wait")
        self("export", name, "-o", f"{name}.jsonl")
        return [json.loads(line) for line in (self.folder / f"{name}.jsonl").read_text().splitlines()]


@pytest.fixture
def names(tmp_path: Path) -> Path:
    file = tmp_path / "names.csv"
    file.write_text("name\n" + "".join(f"{name}\n" for name in NAMES))
    return file


def test_there_is_no_network(model: LocalModel) -> None:
    if not can_be_cut_off():
        pytest.skip("only root can make a network namespace")
    assert model.devices() == ["lo"]


def test_a_job_with_claude_code(model: LocalModel, claude_330: Path, names: Path, tmp_path: Path) -> None:
    abp = Abp(
        model,
        tmp_path,
        ANTHROPIC_BASE_URL=model.address,
        ANTHROPIC_API_KEY="none",
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1",
        DISABLE_AUTOUPDATER="1",
    )
    options = {
        "program": str(claude_330),
        "model": "smollm2",
        "bare": "true",
        "tools": "[]",
        "system_prompt": "You are brief and friendly.",
    }
    abp.make("greetings", "claude", options, "--max-workers", "2")
    done = abp.process("greetings")
    assert [row["status"] for row in done] == ["COMPLETED"] * len(NAMES)
    assert all(row["output"] for row in done)


def test_a_job_with_the_llm_library_and_a_schema(model: LocalModel, names: Path, tmp_path: Path) -> None:
    user = tmp_path / "llm"
    user.mkdir()
    (user / "extra-openai-models.yaml").write_text(
        f'- {{model_id: tiny, model_name: smollm2, api_base: "{model.address}/v1", supports_schema: true}}\n'
    )
    schema = {
        "type": "object",
        "properties": {"greeting": {"type": "string", "maxLength": 30}},
        "required": ["greeting"],
        "additionalProperties": False,
    }
    (tmp_path / "schema.json").write_text(json.dumps(schema))
    abp = Abp(model, tmp_path, LLM_USER_PATH=str(user), OPENAI_API_KEY="none")
    abp.make("greetings", "llm", {"model": "tiny"}, "--schema", "schema.json")
    done = abp.process("greetings")
    assert [row["status"] for row in done] == ["COMPLETED"] * len(NAMES)
    assert all(set(row["result"]) == {"greeting"} for row in done)
