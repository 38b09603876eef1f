"""The JSON Schema and the reference say what the loader does, and neither is older than the spec.

`REPLICARD_FUZZ=20000 pytest --hypothesis-profile=search tests/test_schema.py` tries so many others instead of
a few hundred.
"""

from __future__ import annotations

import copy
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from command import REPO, replicard
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from registry import yaml
from registry.card import Claim
from registry.errors import InputError
from registry.reference import missing_examples, reference
from registry.schema import schema, schema_text
from runner.plugins import load_card, names, sections

if TYPE_CHECKING:
    from collections.abc import Iterator

CARDS = REPO / "cards"
FILES = sorted(CARDS.rglob("*.yaml"))
SPEC = schema(sections(), names("metrics"))
VALID = Draft202012Validator(SPEC)


def plain(value: Any) -> Any:
    """A raw card as JSON has it."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, tuple) else value


def raw(file: Path) -> dict[str, Any]:
    return plain(yaml.read(file.read_text(), file.name)[0])


def without_source(card: dict[str, Any]) -> dict[str, Any]:
    """A card that needs no evidence, so that a changed value is judged alone."""
    return {key: card[key] for key in card if key not in ("source", "stated", "derived", "assumed")} | {"id": "x"}


WHOLE = [without_source(raw(file)) for file in FILES]
(QUICKSTART,) = [card for file, card in zip(FILES, WHOLE, strict=True) if file.stem == "quickstart"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cards")


def problems_of(card: dict[str, Any], folder: Path) -> list[str]:
    """What loading says of a card; each problem has a place."""
    file = folder / "x.yaml"
    file.write_text(json.dumps(card))  # JSON is YAML 1.2
    try:
        load_card(file)
    except InputError as error:
        assert error.problems
        assert all(problem.place[1] is not None for problem in error.problems), error.problems
        return [str(problem) for problem in error.problems]
    return []


def changed(card: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of a card with one value put at a dotted path, or with `...` taken away."""
    card = copy.deepcopy(card)
    *above, last = path.split(".")
    at: Any = card
    for key in above:
        at = at[int(key)] if isinstance(at, list) else at.setdefault(key, {})
    if value is ...:
        at.pop(last, None)
    elif isinstance(at, list):
        at[int(last)] = value
    else:
        at[last] = value
    return card


def fields() -> Iterator[tuple[str, dict[str, Any]]]:
    for section, definition in {"Card": SPEC, **SPEC["$defs"]}.items():
        for name, field in definition["properties"].items():
            yield f"{section}.{name}", field


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SPEC)
    assert SPEC["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_shipped_card_is_valid_by_the_schema_that_its_first_line_names(file: Path) -> None:
    named = re.match(r"# yaml-language-server: \$schema=(\S+)\n", file.read_text())
    assert named
    assert (file.parent / named[1]).resolve() == CARDS / "schema.json"
    assert [error.message for error in VALID.iter_errors(raw(file))] == []


def test_the_committed_schema_is_what_the_spec_generates() -> None:
    assert (CARDS / "schema.json").read_text() == schema_text(sections(), names("metrics")), "run `make docs`"


def test_the_committed_reference_is_what_the_spec_generates() -> None:
    assert (REPO / "docs/card.md").read_text() == reference(SPEC), "run `make docs`"


def test_every_field_has_a_title_and_a_description() -> None:
    poor = [path for path, field in fields() if not (field.get("title") and field.get("description"))]
    assert poor == []


def test_every_field_has_an_example() -> None:
    assert missing_examples(SPEC) == []


def test_every_link_of_the_reference_leads_to_one_heading() -> None:
    text = reference(SPEC)
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    anchors = [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
    links = re.findall(r"\]\(#([^)]+)\)", text)
    assert links
    assert {link for link in links if anchors.count(link) != 1} == set()


def test_the_reference_reads_numbers_as_claims_do() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| .*?([\d.]+) ± ([\d.]+)", reference(SPEC), re.MULTILINE)
    assert rows
    for text, value, half_width in rows:
        number = Claim(metric="accuracy", value=text).number
        assert (number.value, number.half_width) == pytest.approx((float(value), float(half_width)))


def test_the_verb_prints_and_writes_the_same(tmp_path: Path) -> None:
    printed = replicard("schema").out
    assert json.loads(printed) == SPEC
    answer = replicard("schema", "--output", tmp_path / "deep/schema.json")
    assert (answer.code, (tmp_path / "deep/schema.json").read_text()) == (0, printed)
    assert replicard("schema", "--format", "markdown").out == reference(SPEC)


def test_a_place_that_cannot_be_written_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    answer = replicard("schema", "-o", tmp_path / "file/schema.json")
    assert answer.code == 2
    assert answer.line.endswith("choose another place with --output FILE")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("training.epochs", 3),
        ("training.epochs", 2.5),
        ("training.warmup_ratio", None),
        ("training.adam_betas", [0, 0.5]),
        ("evaluation.metrics", ["f1", {"name": "f1", "averaging": "macro"}]),
        ("evaluation.metrics", [{"name": "evaluate:some/metric", "trust": True}]),
        ("evaluation.slices", None),
        ("evaluation.slices", {"columns": ["genre"]}),
        ("data.split", None),
        ("data.split", {"validation": 0.1}),
        ("base.tokenizer", "some/tokenizer"),
        ("reported.0.value", 0.85),
        ("reported.0.value", 90),
        ("reported.0.value", "e.g., 89.20%"),
        ("readme.license", None),
        ("readme.language", ["en", "pt-BR", "multilingual"]),
        ("hardware.accelerator", None),
        ("epoch_table", {"columns": ["epoch", "loss"], "rows": [[1, "No log 0.3"], ["2", None]]}),
        ("adapter", {"type": "lora", "target_modules": ["query"], "alpha": 16}),
        ("assumed", {"training.epochs": "enough"}),
        ("stated", {}),
    ],
)  # fmt: skip
def test_every_form_of_a_value_is_taken_by_both(path: str, value: Any, folder: Path) -> None:
    card = changed(QUICKSTART, path, value)
    assert problems_of(card, folder) == []
    assert VALID.is_valid(card)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("schema", 2),
        ("id", "a b"),
        ("id", "-x"),
        ("trainig", {}),
        ("training.learning_rte", 1),
        ("training.epochs", "3"),
        ("training.epochs", 0),
        ("training.batch_size", 1.5),
        ("training.seed", 2**32),
        ("training.adam_betas", [0.9]),
        ("training.scheduler", "linar"),
        ("training.warmup_steps", 10),  # beside `warmup_ratio`
        ("training.select", "best"),  # without `evaluation.each_epoch`
        ("training.select_metric", "loss"),  # without `select: best`
        ("task.type", "text-clasification"),
        ("task.labels", ["a"]),
        ("task.labels", ["a", "a"]),
        ("task", ...),
        ("base.tokenizer", ...),  # without `model`
        ("base.tokenizer", {"type": "bpe"}),
        ("base.architecture", {"model_type": "brt"}),
        ("base.architecture.hiden_size", 3),
        ("data.clean", ["strip_html", "strip_html"]),
        ("data.pool", ["train", "test"]),  # without `split.test`
        ("data.split", {"seed": 1}),
        ("data.split", {"test": 0.1}),  # beside `take.test`
        ("adapter", {"type": "lora"}),
        ("adapter", {"type": "ia3", "r": 8, "target_modules": ["query"]}),
        ("adapter", {"type": "loro", "target_modules": ["query"]}),
        ("quantization", {"type": "bitsandbytes", "bits": 4}),  # without an adapter
        ("hardware.accelerator", "nvidia-t5"),
        ("evaluation.metrics", ["acuracy"]),
        ("evaluation.metrics", [{"name": "evaluate:some/metric"}]),
        ("evaluation.slices", {"words": [5, 5]}),
        ("evaluation.slices", {"columns": ["genre", "genre"]}),
        ("evaluation.slices", {"words": []}),
        ("evaluation.slices", {}),
        ("reported.0.metric", "acuracy"),
        ("reported.0.value", True),
        ("reported.0.sd", ...),  # beside `seeds`
        ("epoch_table", {"columns": ["loss", "accuracy"], "rows": [[1, 2]]}),
        ("epoch_table", {"columns": ["epoch", "los"], "rows": [[1, 2]]}),
        ("readme.license", "Apache 2"),
        ("readme.license", "other"),
        ("readme.license_name", "mine"),
        ("readme.language", ["en_US"]),
        ("readme.language", ["English"]),
        ("stated", {"training.epochs": "3 epochs"}),  # without a source
        ("assumed", {"trainig.epochs": "enough"}),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_by_both(path: str, value: Any, folder: Path) -> None:
    card = changed(QUICKSTART, path, value)
    assert not VALID.is_valid(card)
    assert problems_of(card, folder)


def places(value: Any, form: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every dotted path that a card has or may have, with the schema of what stands there."""
    forms = [form, *form.get("oneOf", ()), *form.get("anyOf", ())]
    forms = [SPEC["$defs"][one["$ref"].removeprefix("#/$defs/")] if "$ref" in one else one for one in forms]
    for one in forms:
        if isinstance(value, list) and "items" in one:
            for index, item in enumerate(value):
                yield from places(item, one["items"], f"{path}.{index}")
        fixed = {name: field["const"] for name, field in one.get("properties", {}).items() if "const" in field}
        if isinstance(value, dict) and all(value.get(name) == const for name, const in fixed.items()):
            for name, field in one.get("properties", {}).items():
                yield f"{path}.{name}".removeprefix("."), field
                yield from places(value.get(name), field, f"{path}.{name}".removeprefix("."))


@pytest.mark.parametrize("name", ["quickstart", "minilm-l6", "tiny-pairs", "yash3056-llama-3.2-1b-imdb"])
def test_a_card_that_loads_with_a_null_is_valid_by_the_schema(name: str, folder: Path) -> None:
    (card,) = [card for file, card in zip(FILES, WHOLE, strict=True) if file.stem == name]
    nulls = [changed(card, path, None) for path, _ in places(card, SPEC)]
    loads = [null for null in nulls if not problems_of(null, folder)]
    assert loads
    assert [error.message for null in loads for error in VALID.iter_errors(null)] == []


def texts(form: dict[str, Any]) -> st.SearchStrategy[str]:
    if "pattern" in form:
        return st.from_regex(form["pattern"], fullmatch=True, alphabet=st.characters(max_codepoint=126))
    return st.text(st.sampled_from("ab 1.%é"), min_size=form.get("minLength", 0), max_size=8)


def numbers(form: dict[str, Any], kind: str) -> st.SearchStrategy[float]:
    low = form.get("minimum", form.get("exclusiveMinimum", -10))
    high = form.get("maximum", form.get("exclusiveMaximum", low + 1000))
    open_low, open_high = "exclusiveMinimum" in form, "exclusiveMaximum" in form
    if kind == "integer":
        return st.integers(low + open_low, min(high, low + 1000) - open_high)
    return st.floats(low, high, exclude_min=open_low, exclude_max=open_high, allow_nan=False)


def values(form: dict[str, Any]) -> st.SearchStrategy[Any]:
    """What a schema allows, but for its rules between fields."""
    if "$ref" in form:
        return values(SPEC["$defs"][form["$ref"].removeprefix("#/$defs/")])
    if "const" in form:
        return st.just(form["const"])
    if "enum" in form:
        return st.sampled_from(form["enum"])
    for choice in ("oneOf", "anyOf"):
        if choice in form and form.get("type") != "array":  # of an array, it only says more about its items
            return st.one_of([values({"type": "string", **one}) for one in form[choice]])
    kinds = form["type"] if isinstance(form["type"], list) else [form["type"]]
    return st.one_of([of_type(form, kind) for kind in kinds])


def of_type(form: dict[str, Any], kind: str) -> st.SearchStrategy[Any]:
    match kind:
        case "object" if "properties" in form:
            known = {name: values(field) for name, field in form["properties"].items()}
            required = {name: known.pop(name) for name in form.get("required", ())}
            return st.fixed_dictionaries(required, optional=known)
        case "object":
            keys = st.sampled_from(["training.epochs", "training", "reported[0].value", "base.x"])
            anything = form["additionalProperties"] is True
            texts_or_settings = st.booleans() if anything else values(form["additionalProperties"])
            return st.dictionaries(keys, texts_or_settings, max_size=2)
        case "array" if "prefixItems" in form:
            return st.tuples(*map(values, form["prefixItems"])).map(list)
        case "array":
            return st.lists(values(form["items"]), min_size=form.get("minItems", 0), max_size=3)
        case "integer" | "number":
            return numbers(form, kind)
    return {"string": texts(form), "boolean": st.booleans(), "null": st.none()}[kind]


VALUES = st.one_of(
    st.just(...),
    st.sampled_from([None, True, 0, 1, 2, -1, 0.5, 1.5, 1e300, "", "a", "1", "85%", [], {}, [None], ["a"], {"a": 1}]),
    st.sampled_from([*names("metrics"), "lora", "ia3", "bpe", "eos", "cosine", "best", "mit", "other", "cpu", "test"]),
    st.one_of([values(field) for _, field in fields()]),
)  # fmt: skip
QUICK = settings(max_examples=int(os.environ.get("REPLICARD_FUZZ", "250")), suppress_health_check=list(HealthCheck))


@given(st.sampled_from(WHOLE), st.data())
@QUICK
def test_a_changed_card_that_loads_is_valid_by_the_schema(
    folder: Path, card: dict[str, Any], data: st.DataObject
) -> None:
    path, form = data.draw(st.sampled_from([*places(card, SPEC)]))
    value = data.draw(st.one_of(values(form), VALUES))
    mutant = changed(card, path, value)
    if not problems_of(mutant, folder):
        assert [error.message for error in VALID.iter_errors(mutant)] == []


@given(st.data())
@QUICK
def test_a_card_that_is_valid_by_the_schema_loads_or_is_refused_in_located_lines(
    folder: Path, data: st.DataObject
) -> None:
    card = copy.deepcopy(data.draw(st.sampled_from(WHOLE)))
    for name in data.draw(st.sets(st.sampled_from(sorted(SPEC["properties"])), min_size=1, max_size=5)):
        card[name] = data.draw(values(SPEC["properties"][name]))
    assume(VALID.is_valid(card))
    problems_of(card | {"id": "x"}, folder)
