from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abp_tui.enumerators.base import Item, make_enumerator
from abp_tui.enumerators.json import JsonEnumerator
from abp_tui.errors import InvalidInput


def source(path: Path, content: str | bytes = "", **config: Any) -> JsonEnumerator:
    if content:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    made = make_enumerator("json", {"file_path": str(path), **config})
    assert isinstance(made, JsonEnumerator)
    return made


def payloads(made: JsonEnumerator) -> list[dict[str, Any]]:
    made.validate()
    return [dict(item.payload) for item in made.items()]


def refused(made: JsonEnumerator) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        made.validate()
        list(made.items())
    assert caught.value.hint
    return caught.value


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "items.json"


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    return tmp_path / "items.jsonl"


def test_an_object_gives_its_fields(path: Path) -> None:
    content = '[{"a": 1, "b": {"c": [1.5, null, true]}}, {"a": "x"}]'
    assert list(source(path, content).items()) == [
        Item("0", {"a": 1, "b": {"c": [1.5, None, True]}, "_index": 0}),
        Item("1", {"a": "x", "_index": 1}),
    ]


@pytest.mark.parametrize("content", ['[1, "x", null, [2]]', '{"items": [1, "x", null, [2]]}'])
def test_any_other_value_is_the_field_value(path: Path, content: str) -> None:
    where = "items" if content.startswith("{") else None
    assert [p["value"] for p in payloads(source(path, content, items_path=where))] == [1, "x", None, [2]]


@pytest.mark.parametrize(
    ("items_path", "expected"),
    [("a.b", [1, 2]), ("c.1.d", [3]), ("c.0", [7]), ("e f", [4]), ("c.1.g.0.0", [5])],
)
def test_paths_with_names_and_numbers(path: Path, items_path: str, expected: list[int]) -> None:
    document = {"a": {"z": [[0]], "b": [1, 2]}, "c": [[7], {"d": [3], "g": [[[5]]]}], "e f": [4]}
    made = source(path, json.dumps(document), items_path=items_path)
    assert [p["value"] for p in payloads(made)] == expected


@pytest.mark.parametrize(
    ("items_path", "message", "hint"),
    [
        (None, "the document is an object, not an array", "arrays in it: rows"),
        ("nope", "the document is an object and has no 'nope'", "its keys are rows, meta"),
        ("mta", "the document is an object and has no 'mta'", "did you mean 'meta'?"),
        ("meta.n", "'meta.n' is the number 5, not an array", "items_path"),
        ("meta.n.x", "'meta.n' is the number 5 and has no 'x'", "items_path"),
        ("rows.x", "'rows' is an array and has no 'x'", "counted from 0"),
        ("rows.9", "'rows' is an array and has no '9'", "it has 2 elements"),
        ("meta", "'meta' is an object, not an array", "its keys are n, empty"),
        ("meta.empty", "'meta.empty' is an object, not an array", "it is empty"),
    ],
)
def test_a_path_that_leads_nowhere_says_what_is_there(
    path: Path, items_path: str | None, message: str, hint: str
) -> None:
    document = {"rows": [1, 2], "meta": {"n": 5, "empty": {}}}
    error = refused(source(path, json.dumps(document), items_path=items_path))
    assert error.message == f"{path}: {message}"
    assert hint in error.hint


def test_lines_by_name_and_by_look(path: Path, lines: Path) -> None:
    content = '{"a": 1}\n\n{"a": 2}\r\n"x"\n[3]'
    for file in (path, lines):
        made = source(file, content)
        assert [p.get("a", p.get("value")) for p in payloads(made)] == [1, 2, "x", [3]]
        assert made.place(1) == "line 3"
    assert payloads(source(lines, "[1]\n[2]\n")) == [
        {"value": [1], "_index": 0},
        {"value": [2], "_index": 1},
    ]


def test_an_object_over_several_lines_is_a_document(path: Path) -> None:
    assert payloads(source(path, '{\n"a": [\n1]}', items_path="a")) == [{"value": 1, "_index": 0}]
    assert "arrays in it: a" in refused(source(path)).hint


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_encodings(path: Path, lines: Path, encoding: str) -> None:
    for file, content in ((path, '["é"]'), (lines, '"é"\n"ü"\n')):
        made = source(file, content.encode(encoding), encoding=encoding.removesuffix("-sig"))
        assert payloads(made)[0]["value"] == "é"


def test_a_wrong_encoding_names_the_line(path: Path, lines: Path) -> None:
    assert "line 3: the byte 0xE9" in refused(source(path, b'[1,\n2,\n"caf\xe9"]')).message
    assert "line 2: the byte 0xE9" in refused(source(lines, b'1\n"caf\xe9"\n')).message


def test_the_id_field_is_the_key(path: Path) -> None:
    made = source(path, '[{"n": 7}, {"n": "x"}]', id_field="n")
    assert [(item.key, item.payload["_id"]) for item in made.items()] == [("7", 7), ("x", "x")]
    assert [item.key for item in source(path, '[{"_id": "m"}]', id_field="_id").items()] == ["m"]
    assert payloads(source(path, '[{"_id": "m"}]')) == [{"_id": "m", "_index": 0}]


@pytest.mark.parametrize("value", ["null", "true", "1.5", "[]", "{}", '""'])
def test_what_is_no_id(path: Path, value: str) -> None:
    error = refused(source(path, f'[{{"n": 1}}, {{"n": {value}}}]', id_field="n"))
    assert f"{path}, item 2: the field 'n' is" in error.message


def test_an_id_field_that_is_missing(path: Path, lines: Path) -> None:
    error = refused(source(lines, '{"name": 1}\n{"nam": 2}\n', id_field="name"))
    assert error.message == f"{lines}, line 2: there is no field 'name'"
    assert error.hint == "did you mean 'nam'?"


def test_a_field_of_a_name_that_is_ours(path: Path) -> None:
    assert "item 2: the field '_index'" in refused(source(path, '[1, {"_index": 3}]')).message
    assert "the field '_id'" in refused(source(path, '[{"n": 1, "_id": 2}]', id_field="n")).message


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ('[{"a": 1},\n{"a": ', "is cut off: it ends in line 2, byte 17"),
        ("[1, 2", "is cut off: it ends in line 1, byte 5"),
        ('{"x": [1, 2]', "is cut off"),
        ("[1,\n2,\nnope]", "is no JSON in line 3, byte 9"),
        ("[1, 2]\n[3]", "is no JSON in line 2, byte 8"),
        ("[1,, 2]", "is no JSON in line 1, byte 4"),
        ('["a\tb"]', "is no JSON in line 1, byte 4"),
        ("[" * 100_000, "nested too deeply"),
        ("[" + "9" * 5000 + "]", "thousands of digits"),
    ],
)
def test_a_broken_document_says_where(path: Path, content: str, place: str) -> None:
    where = "x" if content.startswith("{") else None
    assert place in refused(source(path, content, items_path=where)).message


def test_a_mistake_far_into_a_document_is_found_to_the_byte(path: Path) -> None:
    begin = "[" + '{"a": "some text"},\n' * 30_000
    error = refused(source(path, begin + "oops]"))
    assert f"in line 30001, byte {len(begin) + 1:,}" in error.message
    error = refused(source(path, begin + "1, 2"))
    assert f"it ends in line 30001, byte {len(begin) + 4:,}" in error.message


def test_a_broken_line_says_where(lines: Path) -> None:
    assert refused(source(lines, '{"a": 1}\n{"a": \n')).message.startswith(f"{lines}, line 2, column 6: ")
    assert "line 1: nested too deeply" in refused(source(lines, "[" * 100_000)).message
    assert "line 1: nested" in refused(source(lines, "9" * 5000)).message


def test_empty_files_and_empty_arrays(path: Path, lines: Path) -> None:
    path.touch()
    assert "cut off" in refused(source(path)).message
    lines.touch()
    assert payloads(source(lines)) == [] and source(lines).why_empty() == "the file is empty"
    assert payloads(source(path, "[]")) == [] and source(path).why_empty() == "the array in it is empty"


def large(open_: str, piece: str, close: str, size: int = 20_000_000) -> str:
    return open_ + piece * (size // len(piece)) + close


@pytest.mark.parametrize(
    ("parts", "items_path", "place", "hint"),
    [
        (('{"pages": [{"rows": [', '{"a": "some text"}, ', "0]}]}"), "pages", "item 1", "pages.0.rows"),
        (('[{}, {"a": {"b": [', '{"a": "some text"}, ', "0]}}]"), None, "item 2", "to 1.a.b"),
        (("[1, 2, [", '"some text", ', "0]]"), None, "item 3", "to 2"),
    ],
)
def test_an_item_with_too_many_values_is_named_and_the_path_that_was_meant(
    path: Path, parts: tuple[str, str, str], items_path: str | None, place: str, hint: str
) -> None:
    error = refused(source(path, large(*parts), items_path=items_path))
    assert error.message == f"{path}, {place} has over 1,000,000 values, the most that an item may have"
    assert hint in error.hint


@pytest.mark.parametrize(
    ("parts", "items_path", "place", "hint"),
    [
        (('[{"a": "', "some text ", '"}]'), None, "item 1", "make it smaller"),
        (('[{"', "some text ", '": 1}]'), None, "item 1", "make it smaller"),
        (('{"skipped": "', "some text ", '", "rows": []}'), "rows", "a text beside the items", "take it out"),
    ],
)
@pytest.mark.slow
def test_an_item_with_too_much_text_is_named(
    path: Path, parts: tuple[str, str, str], items_path: str | None, place: str, hint: str
) -> None:
    error = refused(source(path, large(*parts, size=70_000_000), items_path=items_path))
    assert error.message == f"{path}, {place} is over 64 MB, the most that an item may have"
    assert hint in error.hint


@pytest.mark.slow
def test_the_whole_document_may_be_larger_and_so_may_what_is_skipped(path: Path) -> None:
    rows = "[" + "[0, 0], " * 700_000 + "0]"
    made = source(path, f'{{"before": {rows}, "rows": {rows}, "after": {rows}}}', items_path="rows")
    made.validate()
    assert sum(1 for _ in made.items()) == 700_001


def test_a_line_that_is_too_large(lines: Path) -> None:
    error = refused(source(lines, large('1\n{"rows": [', '{"a": "some text"}, ', "0]}\n")))
    assert error.message == f"{lines}, line 2 has over 1,000,000 values, the most that an item may have"
    assert "one value" in error.hint
    error = refused(source(lines, large('1\n"', "some text ", '"\n', size=70_000_000)))
    assert error.message == f"{lines}, what begins in line 2 is over 64 MB, the most that an item may have"
    long = large('["', '{"[,', '"]', size=3_000_000)
    made = source(lines, json.dumps([long, *"x" * 900_000]) + "\n" + long.replace('"[', '\\"[') + "\n")
    assert len(payloads(made)) == 2
    assert "line 1, column" in refused(source(lines, '"' + "x" * 2_000_000 + "\n")).message


@pytest.mark.parametrize("name", ["items.json", "items.jsonl"])
def test_the_memory_for_what_is_too_large_has_a_bound(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(large('{"pages": [{"rows": [', '{"a": 1}, ', "0]}]}", 60_000_000))
    program = """
        import resource, sys
        from abp_tui.enumerators.base import make_enumerator
        from abp_tui.errors import InvalidInput
        resource.setrlimit(resource.RLIMIT_AS, (600_000_000, 600_000_000))
        config = {"file_path": sys.argv[1], "items_path": "pages" if sys.argv[1].endswith(".json") else None}
        try:
            list(make_enumerator("json", config).items())
        except InvalidInput as error:
            print(error.message)
    """
    done = subprocess.run([sys.executable, "-c", dedent(program), str(path)], capture_output=True, text=True)
    assert "1 has over 1,000,000 values" in done.stdout, done


def test_a_mistake_in_or_behind_a_long_text_is_found_soon(path: Path) -> None:
    begin = '[{"a": "' + "some text " * 1_000_000
    assert "line 2, byte 10,000,012: lexical error: invalid" in refused(source(path, begin + '\n"}]')).message
    assert "cut off: it ends in line 1, byte 10,000,008" in refused(source(path, begin)).message
    assert "line 1, byte 10,000,014: " in refused(source(path, begin + '"} , ,')).message


def test_numbers_keep_their_value(path: Path) -> None:
    content = "[0.1, -2.5e3, 123456789012345678901234567890, 1e999]"
    found = [p["value"] for p in payloads(source(path, content))]
    assert found == [0.1, -2500.0, 123456789012345678901234567890, "1E+999"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_in_json_is_none_here(path: Path, lines: Path, number: str) -> None:
    assert "is no JSON in line 2, byte" in refused(source(path, f'[1,\n{{"a": {number}}}]')).message
    assert refused(source(lines, f'1\n{{"a": {number}}}\n')).message == f"{lines}, line 2: no JSON: {number}"
    assert payloads(source(lines, '"NaN"\n'))[0]["value"] == "NaN"


def test_lines_and_arrays_agree_on_numbers_that_no_float_holds(path: Path, lines: Path) -> None:
    for made in (source(path, "[1e999]"), source(lines, "1e999\n")):
        assert payloads(made)[0]["value"] == "1E+999"
    for made in (source(path, "[1e9999999999999999999]"), source(lines, "1e9999999999999999999\n")):
        assert "line 1: nested too deeply, or a number with thousands of digits" in refused(made).message


@pytest.mark.parametrize(
    ("second", "key"),
    [
        ('{"a": 1, "b": 2, "a": 1}', "a"),
        ('{"x": [{"d": 1, "d": 2}]}', "d"),
        ('{"": 1, "\\u0000": 1, "": 3}', ""),
    ],
)
def test_a_key_that_is_there_twice_is_named(path: Path, lines: Path, second: str, key: str) -> None:
    error = refused(source(path, f'[{{"a": 1}}, {second}]'))
    assert error.message == f"{path}, item 2: the key {key!r} is there twice in one object"
    error = refused(source(lines, f'{{"a": 1}}\n{second}\n'))
    assert error.message == f"{lines}, line 2: the key {key!r} is there twice in one object"


@pytest.mark.parametrize(
    "there", ['{"a": [{}, {"rows": [1], "b": 2, "rows": [2]}]}', '{"a": [{}, {"rows": [1]}], "a": 1}']
)
def test_a_key_on_the_way_to_the_items_that_is_there_twice(path: Path, there: str) -> None:
    error = refused(source(path, there, items_path="a.1.rows"))
    assert "on the way to the items" in error.message and "there twice in one object" in error.message


def test_what_comes_behind_the_items_is_no_concern(path: Path) -> None:
    there = '{"a": [{"rows": [1], "x": {"rows": 1, "rows": [2]}}, {"rows": []}, 3], "z": {}}'
    assert payloads(source(path, there, items_path="a.0.rows")) == [{"value": 1, "_index": 0}]


def test_the_limit_ends_the_reading(path: Path, lines: Path) -> None:
    assert len(payloads(source(path, "[1, 2, oops]", limit=2))) == 2
    assert len(payloads(source(lines, "1\n2\noops\n", limit=2))) == 2


def test_five_megabytes_nul_and_halves_of_characters(path: Path) -> None:
    content = json.dumps([{"big": "x" * 5_000_000, "nul": "a\0b", "half": "\ud800"}])
    [found] = payloads(source(path, content))
    assert len(found["big"]) == 5_000_000 and found["nul"] == "a\0b"


names = st.text(st.characters(exclude_categories=["Cs"]), max_size=6).filter(lambda name: name[:1] != "_")
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)


@given(items=st.lists(json_values, max_size=4), indent=st.sampled_from([None, 1]), as_lines=st.booleans())
def test_what_is_written_is_read_again(items: list[Any], indent: int | None, as_lines: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        if as_lines:
            made = source(
                Path(folder) / "a.jsonl", "".join(json.dumps(item) + "\n" for item in items) or "\n"
            )
        else:
            document = json.dumps({"deep": [{"items": items}]}, indent=indent, ensure_ascii=False)
            made = source(Path(folder) / "a.json", document, items_path="deep.0.items")
        found = payloads(made)
    assert [p.pop("_index") for p in found] == list(range(len(items)))
    assert [
        p["value"] if not isinstance(item, dict) else p for p, item in zip(found, items, strict=True)
    ] == items
