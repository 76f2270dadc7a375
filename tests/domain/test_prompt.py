from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abp_tui.domain.prompt import PromptSynthesizer, PromptTemplate
from abp_tui.errors import InvalidInput

FILE_FIELDS = ("file_path", "relative_path", "file_name", "file_stem", "file_extension", "file_size")


def render(text: str, **payload: object) -> str:
    return PromptTemplate(text).render(payload)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        "{}",
        "{ brace",
        "brace }",
        "{file_path.__class__}",
        "{a[0]}",
        "{a!r} {a:>10} {0} { a }",
        '{"a": {"b": {}}}',
        '{\n  "a": {"b": [{"c": 1}]}}',
        '{"a": "}"} {"b": "{"}',
        "${a b} and %s",
        "{\n}",
        "",
    ],
)
def test_other_braces_stay_as_they_are(text: str) -> None:
    template = PromptTemplate(text)
    template.check(())
    assert template.fields == ()
    assert template.render({"a": "no", "file_path": "no"}) == text


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("{a}", "A"),
        ("{a}{b}{a}", "ABA"),
        ("{{a}}", "{a}"),
        ("{{{a}}}", "{A}"),
        ("{{", "{"),
        ("}}", "}"),
        ("{{}}", "{}"),
        ("a }} b {{ c", "a } b { c"),
        ('{{"a": {"b": 1}}}', '{"a": {"b": 1}}'),
        ('{"x": {"y": {a}}}', '{"x": {"y": A}}'),
        ('{"x": {"y": "{a}"}}', '{"x": {"y": "A"}}'),
        ("\\{a\\}", "\\{a\\}"),
        ("{name}", "名"),
        ("{größe}", "L"),
    ],
)
def test_fields_and_doubled_braces(text: str, prompt: str) -> None:
    assert render(text, a="A", b="B", name="名", größe="L") == prompt


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is ", "as it is "),
        (None, ""),
        (True, "true"),
        (12, "12"),
        (1.5, "1.5"),
        ({"k": [1, "é", None]}, '{"k":[1,"é",null]}'),
        ([], "[]"),
    ],
)
def test_values_in_a_prompt(value: object, text: str) -> None:
    assert render("<{v}>", v=value) == f"<{text}>"


def test_a_field_that_one_item_lacks_is_empty() -> None:
    assert render("<{v}>") == "<>"


def test_what_is_put_in_is_not_looked_at_again() -> None:
    assert render("{a}{b}", a="{b} {{ }} {a.b}", b="{a}") == "{b} {{ }} {a.b}{a}"


def test_a_column_with_a_space_is_a_field_only_where_the_items_have_it() -> None:
    template = PromptTemplate("Write to {First Name} in {2019}")
    assert template.fields == ()
    assert template.names(["First Name"]) == ("First Name",)
    template.check(["First Name"])
    assert template.render({"First Name": "Ann", "2019": 7}) == "Write to Ann in 7"
    assert template.render({"name": "Ann"}) == template.text


def test_fields_come_in_order_without_repeats() -> None:
    assert PromptTemplate("{b} {a} {{c}} {b} {d.e}").fields == ("b", "a")


def test_a_template_is_a_value() -> None:
    assert PromptTemplate("{a}") == PromptTemplate("{a}")
    with pytest.raises(dataclasses.FrozenInstanceError):
        PromptTemplate("{a}").text = "b"  # type: ignore[misc]


def test_a_mistyped_field_is_an_error_with_the_nearest_one() -> None:
    with pytest.raises(InvalidInput, match=r"names \{fil_path\}") as caught:
        PromptTemplate("Read {fil_path}").check(FILE_FIELDS)
    assert "did you mean 'file_path'?" in caught.value.hint
    assert "{{fil_path}}" in caught.value.hint


def test_a_field_like_no_other_is_an_error_that_lists_a_bounded_number_of_fields() -> None:
    with pytest.raises(InvalidInput) as caught:
        PromptTemplate("{zzz}").check([f"column_{n}" for n in range(500)])
    assert "fields are column_0, " in caught.value.hint
    assert len(caught.value.hint) < 400


def test_the_nearest_field_is_found_among_many() -> None:
    with pytest.raises(InvalidInput, match="did you mean 'customer'"):
        PromptTemplate("{custmer}").check([*(f"x{n}" for n in range(500)), "customer"])


@given(st.text())
def test_doubling_all_braces_makes_any_text_literal(text: str) -> None:
    doubled = text.replace("{", "{{").replace("}", "}}")
    assert PromptTemplate(doubled).render({}) == text


@given(st.lists(st.sampled_from(["{", "}", " ", "1", '"', "\n", "w d", ".", "["]), max_size=30).map("".join))
def test_text_without_fields_and_doubled_braces_renders_to_itself(text: str) -> None:
    while "{{" in text or "}}" in text:
        text = text.replace("{{", "{ {").replace("}}", "} }")
    assert PromptTemplate(text).render({}) == text


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet="ab:, []", max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
)


@given(json_values, st.sampled_from([None, 1]))
def test_any_json_in_an_intent_survives(value: object, indent: int | None) -> None:
    text = f"Answer as {json.dumps(value, indent=indent)}."
    assert PromptTemplate(text).render({}) == text


@given(st.text(), st.text(), st.text())
def test_a_value_arrives_whole_wherever_it_stands(value: str, before: str, after: str) -> None:
    def double(text: str) -> str:
        return text.replace("{", "{{").replace("}", "}}")

    template = PromptTemplate(f"{double(before)}{{v}}{double(after)}")
    assert template.render({"v": value}) == before + value + after


@pytest.mark.parametrize("piece", ["{", "}", "{{", "}}", "{a", "{a}", "a}", "{ {", "{{a}"])
def test_a_megabyte_of_braces_comes_through(piece: str) -> None:
    template = PromptTemplate(piece * (1_000_000 // len(piece)))  # the test's own timeout bounds it
    assert set(template.render({"a": ""})) <= set(piece)


def synthesize(intent: str, kind: str, *fields: str) -> PromptTemplate:
    return PromptSynthesizer().synthesize(intent, kind, fields)


def test_a_file_prompt_has_the_intent_and_the_absolute_path() -> None:
    prompt = synthesize("Summarise it.", "file", *FILE_FIELDS).render({"file_path": "/srv/a b.md"})
    assert prompt.startswith("Summarise it.\n\nThe file: /srv/a b.md\n\n")


def test_a_file_prompt_does_not_repeat_the_path() -> None:
    template = synthesize("Summarise {file_path}.", "file", *FILE_FIELDS)
    assert template.text.count("{file_path}") == 1
    assert template.fields == ("file_path",)


def test_a_file_prompt_has_the_path_where_the_intent_names_another_field() -> None:
    assert synthesize("Write {file_stem}.out", "file", *FILE_FIELDS).fields == ("file_stem", "file_path")


def test_other_items_are_listed_field_by_field() -> None:
    prompt = synthesize("Greet them.", "csv", "name", "First Name", "_row_index").render(
        {"name": "Bob", "First Name": None, "_row_index": 4}
    )
    assert prompt.startswith("Greet them.\n\nThe item:\n\nname: Bob\nFirst Name: \n\n")
    assert "_row_index" not in prompt


@pytest.mark.parametrize("intent", ["Greet {name}.", "Greet {First Name}."])
def test_an_intent_that_names_fields_is_not_followed_by_the_item(intent: str) -> None:
    template = synthesize(intent, "csv", "name", "First Name", "mail")
    assert template.text.startswith(intent)
    assert "mail" not in template.text
    assert "The item" not in template.text


def test_fields_of_our_own_are_listed_where_there_are_no_others() -> None:
    assert synthesize("Go.", "csv", "_row_index", "_id").fields == ("_row_index", "_id")


def test_a_field_that_no_placeholder_can_name_is_left_out() -> None:
    assert synthesize("Go.", "csv", "a{b}", "c\nd", "ok").names(["a{b}", "c\nd", "ok"]) == ("ok",)


def test_fields_are_taken_from_the_sample_where_none_are_known() -> None:
    template = PromptSynthesizer().synthesize("Go.", "dynamic", (), {"city": "Oslo"})
    assert template.fields == ("city",)


def test_an_item_without_fields_needs_no_list() -> None:
    assert "The item" not in synthesize("Go.", "dynamic").text


def test_the_intent_is_taken_word_for_word_and_its_json_survives() -> None:
    intent = '  Answer as {"sector": {"name": ""}}.\n\nUse {name}; keep {{this}}.  '
    prompt = synthesize(intent, "csv", "name").render({"name": "Bob {name}"})
    assert prompt.startswith('  Answer as {"sector": {"name": ""}}.\n\nUse Bob {name}; keep {this}.  ')


def test_an_unclosed_brace_in_the_intent_does_not_hide_the_item() -> None:
    prompt = synthesize("Replace { by {{ or }}", "csv", "name").render({"name": "Bob"})
    assert "name: Bob" in prompt


def test_the_standard_prompt_asks_for_one_item_in_full_and_for_no_questions() -> None:
    text = synthesize("Go.", "csv", "name").text
    for words in ("one item of a batch", "this item only", "to the end", "Ask nothing", "short report"):
        assert words in text


@pytest.mark.parametrize("intent", ["", " \n\t"])
def test_an_empty_intent_is_an_error(intent: str) -> None:
    with pytest.raises(InvalidInput, match="intent is empty"):
        synthesize(intent, "file", *FILE_FIELDS)
