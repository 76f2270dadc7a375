from __future__ import annotations

import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from abp_tui.enumerators.base import Item, make_enumerator
from abp_tui.enumerators.file import FileEnumerator
from abp_tui.enumerators.problems import MAX_WARNINGS
from abp_tui.errors import InvalidInput


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    base = tmp_path / "base"
    for path in [
        "b.md",
        "a.md",
        "notes.txt",
        "docs/c.md",
        "docs/deep/d.md",
        "docs/deep/e.tar.gz",
        "node_modules/pkg/index.md",
        "docs/node_modules/x.md",
        ".env",
        ".git/objects/ab",
        "docs/.cache/f.md",
    ]:
        write(base / path, path)
    return base


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def files(base: Path | str, **config: Any) -> FileEnumerator:
    enumerator = make_enumerator("file", {"base_directory": str(base), **config})
    assert isinstance(enumerator, FileEnumerator)
    return enumerator


def keys(base: Path | str, **config: Any) -> list[str]:
    return [item.key for item in files(base, **config).items()]


def test_an_item_is_a_file_with_its_names_and_size(tree: Path) -> None:
    item = list(files(tree, pattern="**/*.gz").items())
    assert item == [
        Item(
            "docs/deep/e.tar.gz",
            {
                "file_path": f"{tree}/docs/deep/e.tar.gz",
                "relative_path": "docs/deep/e.tar.gz",
                "file_name": "e.tar.gz",
                "file_stem": "e.tar",
                "file_extension": ".gz",
                "file_size": len("docs/deep/e.tar.gz"),
            },
        )
    ]
    assert tuple(item[0].payload) == FileEnumerator.fields


def test_all_visible_files_in_order(tree: Path) -> None:
    assert keys(tree) == [
        "a.md",
        "b.md",
        "docs/c.md",
        "docs/deep/d.md",
        "docs/deep/e.tar.gz",
        "docs/node_modules/x.md",
        "node_modules/pkg/index.md",
        "notes.txt",
    ]


def test_hidden_files_and_folders_come_only_when_asked_for(tree: Path) -> None:
    extra = set(keys(tree, include_hidden=True)) - set(keys(tree))
    assert extra == {".env", ".git/objects/ab", "docs/.cache/f.md"}


def test_a_hidden_folder_can_itself_be_the_base(tree: Path) -> None:
    assert keys(tree / ".git") == ["objects/ab"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.md", ["a.md", "b.md"]),
        ("**/*.md", ["a.md", "b.md", "docs/c.md", "docs/deep/d.md", "docs/node_modules/x.md",
                     "node_modules/pkg/index.md"]),
        ("docs/*", ["docs/c.md"]),
        ("docs/**", ["docs/c.md", "docs/deep/d.md", "docs/deep/e.tar.gz", "docs/node_modules/x.md"]),
        ("docs/", ["docs/c.md", "docs/deep/d.md", "docs/deep/e.tar.gz", "docs/node_modules/x.md"]),
        ("./docs/deep/?.md", ["docs/deep/d.md"]),
        ("docs/**/d.md", ["docs/deep/d.md"]),
        ("docs/**/c.md", ["docs/c.md"]),
        ("**/deep/*", ["docs/deep/d.md", "docs/deep/e.tar.gz"]),
        ("*/*/*.md", ["docs/deep/d.md", "docs/node_modules/x.md", "node_modules/pkg/index.md"]),
        ("[ab].md", ["a.md", "b.md"]),
        ("[!a].md", ["b.md"]),
        ("[a-b].m[d]", ["a.md", "b.md"]),
        (["*.txt", "a.*", "*.md", "a.md"], ["a.md", "b.md", "notes.txt"]),
        ("docs/c.md", ["docs/c.md"]),
        ("*.MD", []),
    ],
)  # fmt: skip
def test_patterns(tree: Path, pattern: str | list[str], expected: list[str]) -> None:
    assert keys(tree, pattern=pattern) == expected


def test_signs_of_regular_expressions_in_a_pattern_mean_themselves(tmp_path: Path) -> None:
    for name in ["a+b(1).txt", "aab1.txt", "x[1].txt", "x1.txt", "back\\slash.txt", "^a$.txt", "a|b.txt"]:
        write(tmp_path / name)
    assert keys(tmp_path, pattern="a+b(1).txt") == ["a+b(1).txt"]
    assert keys(tmp_path, pattern="x[[]1].txt") == ["x[1].txt"]
    assert keys(tmp_path, pattern="x[1.txt") == []
    assert keys(tmp_path, pattern="back\\slash.*") == ["back\\slash.txt"]
    assert keys(tmp_path, pattern=["^a$.txt", "a|b.txt"]) == ["^a$.txt", "a|b.txt"]
    assert keys(tmp_path, pattern="[\\^]*") == ["^a$.txt"]


@pytest.mark.parametrize(
    ("exclude", "gone"),
    [
        ("node_modules", {"docs/node_modules/x.md", "node_modules/pkg/index.md"}),
        ("node_modules/", {"docs/node_modules/x.md", "node_modules/pkg/index.md"}),
        ("/node_modules", {"node_modules/pkg/index.md"}),
        ("docs/node_modules", {"docs/node_modules/x.md"}),
        ("docs/deep/**", {"docs/deep/d.md", "docs/deep/e.tar.gz"}),
        ("*.gz", {"docs/deep/e.tar.gz"}),
        (["[ab].md", "*.txt"], {"a.md", "b.md", "notes.txt"}),
        ("**/deep", {"docs/deep/d.md", "docs/deep/e.tar.gz"}),
        ("*.md/", set()),
        ("deep/d.md", set()),
        ("", set()),
    ],
)
def test_exclusions(tree: Path, exclude: str | list[str], gone: set[str]) -> None:
    assert set(keys(tree)) - set(keys(tree, exclude_patterns=exclude)) == gone


def test_the_limit_comes_after_the_sorting(tree: Path) -> None:
    assert keys(tree, limit=3) == ["a.md", "b.md", "docs/c.md"]
    assert keys(tree, pattern=["docs/**", "b.md"], limit=1) == ["b.md"]


def test_the_order_is_by_the_parts_of_the_paths(tmp_path: Path) -> None:
    for path in ["b/z", "b/a/x", "b-c/a", "b.md", "a", "b/a.md"]:
        write(tmp_path / path)
    assert keys(tmp_path) == ["a", "b/a/x", "b/a.md", "b/z", "b-c/a", "b.md"]
    assert keys(tmp_path) == sorted(keys(tmp_path), key=lambda key: key.split("/"))


def test_the_walk_ends_with_the_limit(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = looked_into(monkeypatch, tree)
    assert keys(tree, limit=3) == ["a.md", "b.md", "docs/c.md"]
    assert set(seen) == {".", "docs"}


def test_files_are_not_kept(tmp_path: Path) -> None:
    for folder in range(20):
        (tmp_path / f"{folder:02}").mkdir()
        for n in range(100):
            (tmp_path / f"{folder:02}/{n:03}.md").touch()
    keys(tmp_path, limit=1)  # what is compiled once is not the walk's
    items = files(tmp_path).items()
    tracemalloc.start()
    try:
        assert sum(1 for _ in items) == 2000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100_000  # a folder's hundred entries; all two thousand have three times that


def test_a_walk_that_nobody_waits_for_ends_at_its_next_entry(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = looked_into(monkeypatch, tree)
    enumerator = files(tree)
    items = enumerator.items()
    assert next(items).key == "a.md"
    enumerator.abandon()
    with pytest.raises(InvalidInput, match="was ended") as caught:
        next(items)
    assert "nobody wants" in caught.value.hint
    assert set(seen) == {"."}
    with pytest.raises(InvalidInput, match="was ended"):
        list(enumerator.items())
    with pytest.raises(InvalidInput, match="was ended"):
        enumerator.why_empty()


def test_a_link_to_what_is_left_out_elsewhere_is_followed_once(tree: Path) -> None:
    (tree / "y").symlink_to(tree / "docs/.cache")
    (tree / "z").symlink_to(tree / "docs/.cache")
    (tree / "docs/.cache/loop").symlink_to(tree / "docs/.cache")
    assert keys(tree, pattern="**/f.md") == ["y/f.md"]
    assert keys(tree, pattern="**/f.md", include_hidden=True) == ["docs/.cache/f.md"]


def test_a_sample_is_the_beginning(tree: Path) -> None:
    assert [item.key for item in files(tree).sample(2)] == ["a.md", "b.md"]


def looked_into(monkeypatch: pytest.MonkeyPatch, base: Path) -> list[str]:
    """The folders, relative to `base`, that get listed from now on."""
    seen: list[str] = []
    real = os.scandir

    def scandir(path: Any) -> Iterator[os.DirEntry[str]]:
        seen.append(os.path.relpath(path, base))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    return seen


def test_folders_that_are_left_out_are_not_even_looked_into(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = looked_into(monkeypatch, tree)
    keys(tree, exclude_patterns="node_modules")
    assert set(seen) == {".", "docs", "docs/deep"}


def test_folders_that_no_pattern_reaches_are_not_looked_into(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = looked_into(monkeypatch, tree)
    keys(tree, pattern=["*.md", "docs/*"])
    assert set(seen) == {".", "docs"}


def test_links_are_followed_and_loops_end(tree: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    write(outside / "far.md")
    write(tmp_path / "beside.md")
    (tree / "aliased").symlink_to(tree / "docs")
    (tree / "docs/up").symlink_to(tree)
    (tree / "docs/above").symlink_to(tmp_path)
    (tree / "docs/self").symlink_to("self")
    (tree / "zz").symlink_to(outside)
    (tree / "zy").symlink_to(outside)
    (outside / "back").symlink_to(tree / "docs")
    (tree / "link.md").symlink_to(outside / "far.md")
    enumerator = files(tree, pattern="**/*.md", exclude_patterns="node_modules")
    assert [item.key for item in enumerator.items()] == [
        "a.md",
        "b.md",
        "docs/c.md",
        "docs/deep/d.md",
        "link.md",
        "zy/far.md",
    ]
    assert enumerator.warnings() == ["left out docs/self: Too many levels of symbolic links"]


def test_a_link_to_the_base_serves_as_the_base(tree: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tree)
    [item] = files(link, pattern="a.md").items()
    assert item.payload["file_path"] == f"{link}/a.md"


def test_a_broken_link_is_left_out_with_a_warning_where_it_was_asked_for(tree: Path) -> None:
    (tree / "gone.md").symlink_to("nowhere")
    enumerator = files(tree, pattern="*.md")
    assert [item.key for item in enumerator.items()] == ["a.md", "b.md"]
    assert enumerator.warnings() == ["left out gone.md: the link leads nowhere"]
    assert files(tree, pattern="*.txt").warnings() == []


def test_only_files_are_items(tree: Path) -> None:
    os.mkfifo(tree / "pipe.md")
    assert keys(tree, pattern="*.md") == ["a.md", "b.md"]


def test_names_that_are_not_utf8_are_left_out_with_a_printable_warning(tree: Path) -> None:
    raw = os.fsencode(tree)
    Path(os.fsdecode(raw + b"/caf\xe9.md")).write_text("")
    Path(os.fsdecode(raw + b"/dir\xff")).mkdir()
    Path(os.fsdecode(raw + b"/dir\xff/in.md")).write_text("")
    enumerator = files(tree, pattern=["*.md", "*/in.md"])
    assert [item.key for item in enumerator.items()] == ["a.md", "b.md"]
    assert enumerator.warnings() == [
        "left out caf\\xe9.md: the name is not valid UTF-8",
        "left out dir\\xff/: the name is not valid UTF-8",
    ]


def test_odd_names_are_only_names(tmp_path: Path) -> None:
    names = ["{file_path}", "[red]x[/red].md", "-rf", "a\nb", "ü ñ.txt", "$(id)", "%s", "日本.md", "e\u0301"]
    for name in names:
        write(tmp_path / name)
    assert keys(tmp_path) == sorted(names)


def test_a_folder_that_can_not_be_read_is_a_warning(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.scandir

    def scandir(path: Any) -> Iterator[os.DirEntry[str]]:
        if str(path).rstrip("/").endswith("deep"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    enumerator = files(tree, pattern="docs/**", exclude_patterns="node_modules")
    assert [item.key for item in enumerator.items()] == ["docs/c.md"]
    assert enumerator.warnings() == ["left out docs/deep/: Permission denied"]


def test_many_warnings_are_cut_with_their_number(tmp_path: Path) -> None:
    for n in range(MAX_WARNINGS + 5):
        (tmp_path / f"{n}.md").symlink_to("nowhere")
    enumerator = files(tmp_path)
    assert list(enumerator.items()) == []
    warnings = enumerator.warnings()
    assert len(warnings) == MAX_WARNINGS + 1
    assert warnings[-1] == "and 5 more like these"


def test_a_missing_folder_is_an_error_with_the_nearest_one(tmp_path: Path) -> None:
    enumerator = files(tmp_path / "no/such")
    for look in (enumerator.validate, lambda: list(enumerator.items())):
        with pytest.raises(InvalidInput, match="there is no folder") as caught:
            look()
        assert str(tmp_path) in caught.value.hint


def test_a_file_is_no_folder(tree: Path) -> None:
    with pytest.raises(InvalidInput, match="is not a folder") as caught:
        files(tree / "a.md").validate()
    assert caught.value.hint == f"give its folder {tree} and the pattern a.md"


def test_an_unreadable_base_is_an_error(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def scandir(path: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(InvalidInput, match="can't be read: Permission denied"):
        files(tree).validate()


def test_paths_become_absolute(tree: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(own_home / "notes/n.md")
    [item] = files("~/notes").items()
    assert item.payload["file_path"] == str(own_home / "notes/n.md")
    monkeypatch.chdir(tree)
    enumerator = files("docs/../docs", pattern="*.md")
    monkeypatch.chdir("/")
    assert enumerator.config.base_directory == str(tree / "docs")
    assert [item.payload["file_path"] for item in enumerator.items()] == [str(tree / "docs/c.md")]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"base_directory": ""}, "base_directory"),
        ({"base_directory": "a\0b"}, "base_directory: has characters"),
        ({"base_directory": "/", "pattern": "[z-a]"}, r"'\[z-a\]' can't be read"),
        ({"base_directory": "/", "pattern": "/etc/*"}, "relative to the folder"),
        ({"base_directory": "/", "pattern": "../*"}, "not a pattern"),
        ({"base_directory": "/", "exclude_patterns": ["/"]}, "not a pattern"),
        ({"base_directory": "/", "limit": 0}, "limit: "),
        ({"base_directory": "/", "patern": "*"}, "patern: there is no such setting"),
        ({}, "base_directory: it must be given"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(config: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        make_enumerator("file", config)
    assert "\n" not in str(caught.value)


def test_an_empty_pattern_is_the_default(tree: Path) -> None:
    assert keys(tree, pattern="") == keys(tree, pattern=[]) == keys(tree)


def test_it_says_why_nothing_matched(tree: Path) -> None:
    base = tree / "docs"
    assert files(tree, pattern="*.gz").why_empty() == (
        f"nothing matched *.gz directly in {tree}; 1 file matches **/*.gz"
    )
    assert files(tree, pattern=".git/**").why_empty() == (
        f"nothing matched .git/** in {tree}; with hidden files 1 file matches it"
    )
    assert files(base, pattern="*.md", exclude_patterns=["*.md"]).why_empty() == (
        f"1 file matches *.md in {base}, but the patterns to leave out cover all of it"
    )
    assert files(tree, pattern="**/*.rst").why_empty() == f"no file in {tree} matches **/*.rst"


def test_each_setting_explains_itself_to_a_form() -> None:
    schema = FileEnumerator.schema()
    assert list(schema["properties"]) == [
        "base_directory",
        "pattern",
        "exclude_patterns",
        "include_hidden",
        "limit",
    ]
    assert all(field["title"] and field["description"] for field in schema["properties"].values())
    assert schema["required"] == ["base_directory"]


@pytest.mark.slow
def test_ten_thousand_files_are_found(tmp_path: Path) -> None:
    for folder in range(100):
        (tmp_path / f"{folder:03}").mkdir()
        for n in range(100):
            (tmp_path / f"{folder:03}/{n:03}.md").touch()
    assert len(keys(tmp_path, pattern="**/*.md", exclude_patterns=["*.pyc", "node_modules", "x/y"])) == 10_000
