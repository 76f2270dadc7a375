"""Jobs whose results fit a schema, from its file to the export."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import BaseModel

from tests.cli.driver import Abp


class Count(BaseModel):
    words: int
    of: str


def new(abp: Abp, texts: Path, schema: Path, script: str, *more: str) -> None:
    source = ("--files", texts, "--pattern", "*.md", "--schema", schema)
    abp.quick(
        "new", "counts", "--intent", "Count", *source, *more, "--", "sh", "-c", script, "sh", "{file_path}"
    )


def schema_file(abp: Abp, schema: object) -> Path:
    path = abp.folder / "schema.json"
    path.write_text(schema if isinstance(schema, str) else json.dumps(schema))
    return path


def test_results_are_checked_shown_and_exported(abp: Abp, texts: Path) -> None:
    script = """printf '{"words": %d, "of": "%s"}' "$(wc -w < "$1")" "$1" """
    new(abp, texts, schema_file(abp, Count.model_json_schema()), script)
    assert abp.json("show", "counts")["output_schema"] == Count.model_json_schema()
    assert '"title": "Count"' in abp.quick("show", "counts")
    abp.run("start", "counts", "--skip-test", "--wait")
    abp.quick("export", "counts", "-o", "out.jsonl")
    lines = [json.loads(line) for line in (abp.folder / "out.jsonl").read_text().splitlines()]
    assert [line["result"]["words"] for line in lines] == [2, 4, 6]


def test_what_never_fits_is_bad_output(abp: Abp, texts: Path) -> None:
    new(abp, texts, schema_file(abp, Count.model_json_schema()), 'wc -w < "$1"')
    abp.run("start", "counts", "--skip-test", "--wait", code=1)
    unit = abp.json("units", "counts")[0]
    assert (unit["failure_kind"], unit["attempts"], unit["result"]) == ("bad_output", 1, None)
    assert "$: 2 is not of type 'object'" in unit["error"]


def test_a_dry_run_shows_the_form_that_is_asked_for(abp: Abp, texts: Path) -> None:
    schema = schema_file(abp, {"type": "object"})
    source = ("--files", texts, "--pattern", "*.md", "--schema", schema, "--dry-run")
    shown = abp.quick("new", "counts", "--intent", "Count", *source, "--", "cat", "{file_path}")
    assert 'The schema:\n\n{"type": "object"}' in shown


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"properties": {"n": {"type": "integre"}}}, "the schema is wrong at $.properties.n.type"),
        ({"$ref": "#/$defs/none"}, "'#/$defs/none' leads nowhere"),
        ("{", "schema.json is no JSON: Expecting property name"),
        ("[]", "schema.json is no JSON object"),
    ],
)
def test_what_is_no_schema_makes_no_job(abp: Abp, texts: Path, schema: object, says: str) -> None:
    arguments = ("--files", texts, "--schema", schema_file(abp, schema))
    done = abp.run("new", "counts", "--intent", "Count", *arguments, "--", "cat", code=2)
    assert says in done.stderr and done.stderr.count("\n") == 1
    assert abp.json("ls") == []


def test_a_schema_file_that_is_not_there(abp: Abp, texts: Path) -> None:
    done = abp.run("new", "c", "--intent", "Count", "--files", texts, "--schema", "no.json", code=2)
    assert "can't read no.json" in done.stderr
