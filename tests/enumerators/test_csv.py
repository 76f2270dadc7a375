from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abp_tui.enumerators.base import Item, make_enumerator
from abp_tui.enumerators.csv import CsvEnumerator, sniffed
from abp_tui.errors import InvalidInput


def table(path: Path, content: str | bytes = "", **config: Any) -> CsvEnumerator:
    if content:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    source = make_enumerator("csv", {"file_path": str(path), **config})
    assert isinstance(source, CsvEnumerator)
    return source


def rows(source: CsvEnumerator) -> list[dict[str, Any]]:
    source.validate()
    found = [dict(item.payload) for item in source.items()]
    return [{name: value for name, value in row.items() if name[0] != "_"} for row in found]


def refused(source: CsvEnumerator) -> str:
    with pytest.raises(InvalidInput) as caught:
        source.validate()
        list(source.items())
    assert caught.value.hint
    return caught.value.message


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "items.csv"


def test_a_row_becomes_an_item_with_its_position(path: Path) -> None:
    assert list(table(path, "a,b\n1,x\n2,y\n").items()) == [
        Item("0", {"a": "1", "b": "x", "_row_index": 0}),
        Item("1", {"a": "2", "b": "y", "_row_index": 1}),
    ]


def test_the_id_column_is_the_key(path: Path) -> None:
    source = table(path, "a,b\n1,x\n2,y\n", id_column="b")
    assert [(item.key, item.payload["_id"]) for item in source.items()] == [("x", "x"), ("y", "y")]


def test_a_column_that_is_called_id_with_a_line_below_can_be_the_id(path: Path) -> None:
    assert [item.key for item in table(path, "_id\nx\n", id_column="_id").items()] == ["x"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(path: Path, delimiter: str) -> None:
    content = (
        f"a{delimiter}b\n1,5;x{delimiter}2\n" if delimiter == "\t" else f"a{delimiter}b\n1{delimiter}2\n"
    )
    assert list(rows(table(path, content))[0]) == ["a", "b"]


def test_a_delimiter_in_one_value_is_not_the_delimiter_of_the_file() -> None:
    assert sniffed("name;price\nbread;1,50\nmilk;2\n") == ";"
    assert sniffed('a,"x;y;z"\nb,"x;y;z"\n') == ","
    assert sniffed("only\none\ncolumn\n") == ","


def test_a_given_delimiter_counts(path: Path) -> None:
    assert rows(table(path, "a,b:c\n1,2:3\n", delimiter=":")) == [{"a,b": "1,2", "c": "3"}]
    assert rows(table(path, "a,b\tc\n1\t2\n", delimiter="tab")) == [{"a,b": "1", "c": "2"}]


@pytest.mark.parametrize("delimiter", ["ab", '"', "\n"])
def test_what_is_no_delimiter(path: Path, delimiter: str) -> None:
    with pytest.raises(InvalidInput, match="delimiter"):
        table(path, "a\n", delimiter=delimiter)


def test_columns_without_a_header(path: Path) -> None:
    assert rows(table(path, "1,2\n3,4\n", has_header=False)) == [
        {"column_1": "1", "column_2": "2"},
        {"column_1": "3", "column_2": "4"},
    ]
    assert rows(table(path, has_header=False, columns=["x", "y"]))[1] == {"x": "3", "y": "4"}
    assert rows(table(path, columns="x, y")) == [{"x": "3", "y": "4"}], "in place of the header"


def test_a_column_without_a_name_gets_one(path: Path) -> None:
    assert rows(table(path, "a,,c\n1,2,3\n")) == [{"a": "1", "column_2": "2", "c": "3"}]


def test_names_that_do_not_fit_the_file(path: Path) -> None:
    message = refused(table(path, "a,b\n", columns=["x"]))
    assert message == f"{path}, line 1: 2 fields for 1 column name"
    with pytest.raises(InvalidInput, match="'x' is there twice"):
        table(path, columns=["x", "x"])


@pytest.mark.parametrize(
    ("encoding", "raw"),
    [
        ("utf-8", "é,b\nü,2\n".encode()),
        ("utf-8", "é,b\nü,2\n".encode("utf-8-sig")),
        ("UTF8", "é,b\nü,2\n".encode("utf-8-sig")),
        ("latin-1", "é,b\nü,2\n".encode("latin-1")),
        ("utf-16", "é,b\nü,2\n".encode("utf-16")),
        ("utf-16-le", "é,b\nü,2\n".encode("utf-16-le")),
        ("utf-8", "é,b\r\nü,2\r\n".encode()),
        ("utf-8", "é,b\rü,2".encode()),
    ],
)
def test_encodings_and_line_ends(path: Path, encoding: str, raw: bytes) -> None:
    assert rows(table(path, raw, encoding=encoding)) == [{"é": "ü", "b": "2"}]


@pytest.mark.parametrize("name", ["latin-7x", "base64", "rot13"])
def test_what_is_no_encoding(path: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match="is no encoding"):
        table(path, "a\n", encoding=name)


def test_a_wrong_encoding_names_the_line_and_the_byte(path: Path) -> None:
    content = b"a,b\n" + b"1,2\n" * 40_000 + b"1,caf\xe9\n"
    assert f"{path}, line 40002: the byte 0xE9 is not utf-8" == refused(table(path, content))
    assert "is not utf-16" in refused(table(path, b"\xff\xfea\x00\n\x00\x00\xd8", encoding="utf-16"))


def test_values_keep_their_line_ends_and_everything_else(path: Path) -> None:
    value = 'two\nlines, "quoted"\r\n\ttab \0 nul'
    path.write_text("a,b\n", newline="")
    with path.open("a", newline="") as file:
        csv.writer(file).writerow([value, ""])
    assert rows(table(path)) == [{"a": value, "b": ""}]


def test_five_megabytes_in_a_field(path: Path) -> None:
    [row] = rows(table(path, "a,b\nx," + "y" * 5_000_000 + "\n"))
    assert len(row["b"]) == 5_000_000


def test_short_and_long_rows_are_named_by_their_lines(path: Path) -> None:
    content = 'a,b\n1,"two\nlines"\n3\n4,5,6\n7,8\n' + "x\n" * 10
    message = refused(table(path, content))
    assert "line 4 has too few fields, 1 instead of 2; line 5 has too many fields, 3 instead of 2" in message
    assert message.endswith("; and 7 more like these")


@pytest.mark.parametrize(
    ("name", "hint"),
    [("notes.md", "make an item of a whole file, use --files"), ("notes.csv", "needs quotation marks")],
)
def test_a_text_that_was_taken_for_a_table_is_called_one(tmp_path: Path, name: str, hint: str) -> None:
    source = table(tmp_path / name, "# Notes\n\nSome text, with commas, and more.\n")
    with pytest.raises(InvalidInput) as caught:
        rows(source)
    assert hint in caught.value.hint
    assert "line 3 has too many fields" in caught.value.message


def test_the_line_of_a_row_is_where_it_begins(path: Path) -> None:
    assert "line 2 has too many" in refused(table(path, 'a,b\n1,"x\ny\nz",3\n'))
    assert table(path, 'a,b\n1,"x\ny"\n2,3\n').place(1) == "line 4"


def test_rows_beyond_the_limit_are_not_looked_at(path: Path) -> None:
    assert len(rows(table(path, "a,b\n1,2\n3,4\n5\n", limit=2))) == 2


def test_a_header_twice_is_named(path: Path) -> None:
    message = refused(table(path, "\na,b,a\n1,2,3\n"))
    assert message == f"{path}, line 2: the column 'a' is there twice, as number 1 and 3"


def test_a_column_of_a_name_that_is_ours(path: Path) -> None:
    assert "'_row_index'" in refused(table(path, "a,_row_index\n1,2\n"))
    assert "'_id'" in refused(table(path, "a,_id\n1,2\n", id_column="a"))


def test_an_id_column_that_is_not_there(path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        table(path, "number,b\n1,2\n", id_column="numbr").validate()
    assert caught.value.hint == "did you mean 'number'?"


def test_an_empty_id_is_named_by_its_line(path: Path) -> None:
    assert "line 3 has nothing in the id column" in refused(table(path, "a,b\n1,2\n,3\n", id_column="a"))


@pytest.mark.parametrize(
    ("content", "line"),
    [('a,b\n1,2\n3,"x\n4,5\n', 3), ('a,b\n"x" y,2\n', 2)],
)
def test_a_quotation_that_goes_wrong_names_the_line_where_it_begins(
    path: Path, content: str, line: int
) -> None:
    assert f"in the row that begins in line {line}: " in refused(table(path, content, delimiter=","))


@pytest.mark.parametrize(
    "row",
    [
        ('3,"', "4,5" * 10 + "\n", 3_000_000),
        ("", "x", 70_000_000),
        ("", '"' + ("x" * 99 + "\n") * 100_000 + '",', 8),
    ],
    ids=["a quotation without an end", "a field", "several fields"],
)
def test_a_row_that_is_too_large_names_the_line_where_it_begins(
    path: Path, row: tuple[str, str, int]
) -> None:
    begin, piece, times = row
    with pytest.raises(InvalidInput) as caught:
        list(table(path, f"a,b\n1,2\n\n{begin}{piece * times}", delimiter=",").items())
    what = "what begins in line 4 is over 64 MB, the most that an item may have"
    assert caught.value.message == f"{path}, {what}"
    assert "quotation" in caught.value.hint


def test_files_that_hold_nothing(path: Path) -> None:
    path.touch()
    assert refused(table(path)) == f"{path} is empty"
    assert rows(table(path, "a,b\n")) == []
    assert "has_header" in table(path).why_empty()


@pytest.mark.parametrize("columns", ["a", "a,b"])
def test_blank_lines_are_no_rows_and_that_is_said(path: Path, columns: str) -> None:
    row = columns.replace("a", "1").replace("b", '"2\n\n"')
    source = table(path, f"{columns}\n{row}\n{row}\n")
    assert len(rows(source)) == 2 and source.warnings() == []
    source = table(path, f"{columns}\n\n{row}\n")
    assert len(rows(source)) == 1 and source.warnings() == ["line 2 is blank and no item"]
    source = table(path, f"{columns}\n\n{row}\n\n")
    for _ in range(2):
        assert len(rows(source)) == 1
        assert source.warnings() == ["2 blank lines are no items, the first of them line 2"]


def test_the_line_of_a_blank_one_counts_what_is_in_quotation_marks(path: Path) -> None:
    source = table(path, 'a,b\n1,"2\n\n"\n\n3,4\n')
    assert len(rows(source)) == 2 and source.warnings() == ["line 5 is blank and no item"]


def test_what_is_no_file(tmp_path: Path) -> None:
    assert refused(table(tmp_path)) == f"{tmp_path} is a folder"
    missing = table(tmp_path / "no" / "such.csv")
    with pytest.raises(InvalidInput) as caught:
        missing.validate()
    assert caught.value.hint == f"the nearest folder that exists is {tmp_path}"


def test_the_record_has_the_whole_path(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text("a\n1\n")
    monkeypatch.chdir(path.parent)
    assert table(Path("items.csv"), limit=1).record() == {"file_path": str(path), "limit": 1}


values = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff"), max_size=8)


@given(
    names=st.lists(values.filter(bool), min_size=2, max_size=4, unique=True),
    data=st.data(),
    delimiter=st.sampled_from(",;\t|:"),
    ending=st.sampled_from(["\n", "\r\n"]),
)
def test_what_is_written_is_read_again(
    names: list[str], data: st.DataObject, delimiter: str, ending: str
) -> None:
    expected = data.draw(st.lists(st.lists(values, min_size=len(names), max_size=len(names)), max_size=5))
    text = io.StringIO(newline="")
    quoting = csv.QUOTE_ALL if ending == "\n" else csv.QUOTE_MINIMAL  # it forgets to quote a lone \r
    csv.writer(text, delimiter=delimiter, lineterminator=ending, quoting=quoting).writerows(
        [names, *expected]
    )
    with tempfile.TemporaryDirectory() as folder:
        source = table(Path(folder) / "items.csv", text.getvalue(), delimiter=delimiter)
        found = [list(item.payload.values())[:-1] for item in source.items()]
        assert found == expected
        assert source.place(0) if expected else True
