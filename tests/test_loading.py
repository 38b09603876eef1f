"""A card loads, or every error in it is said in one line with its place."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timing import takes_less_than

from registry.errors import InputError
from registry.loading import Loaded
from registry.yaml import MAX_BYTES
from runner.plugins import load_card

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]
SHIPPED = sorted(ROOT.glob("cards/**/*.yaml"))

BASE = """\
schema: 1
id: x
base:
  tokenizer: {type: bpe, vocab_size: 320}
  architecture: {model_type: bert}
task: {type: text-classification, labels: [negative, positive]}
data:
  dataset: rows
"""
LORA = "adapter: {type: lora, target_modules: [query]}\n"


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Loaded]:
    """`card(more, sets)`: `x.yaml` in the working directory, of BASE, changed by `old=new`, and more lines; loaded."""
    monkeypatch.chdir(tmp_path)

    def load(more: str = "", sets: tuple[str, ...] = (), old: str = "", new: str = "") -> Loaded:
        assert old in BASE
        Path("x.yaml").write_text((BASE.replace(old, new) if old else BASE) + more, encoding="utf-8")
        return load_card(Path("x.yaml"), sets)

    return load


@pytest.fixture
def refusal(card: Callable[..., Loaded]) -> Callable[..., list[str]]:
    """`refusal(more, sets)`: the lines of the error that loading that card gives."""

    def lines(*args: Any, **kwargs: Any) -> list[str]:
        with pytest.raises(InputError) as caught:
            card(*args, **kwargs)
        return [str(problem) for problem in caught.value.problems]

    return lines


# What is no card at all


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"y\.yaml  no such file$"):
        load_card(tmp_path / "y.yaml")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "y.yaml").mkdir()
    with pytest.raises(InputError, match=r"y\.yaml  a folder or a device; give a file$"):
        load_card(tmp_path / "y.yaml")


def test_a_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "y.yaml")
    with pytest.raises(InputError, match="a folder or a device"):
        load_card(tmp_path / "y.yaml")


def test_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "y.yaml").symlink_to("y.yaml")
    with pytest.raises(InputError, match="cannot be read: Too many levels of symbolic links"):
        load_card(tmp_path / "y.yaml")


def test_a_huge_file_is_refused_without_reading_it(tmp_path: Path) -> None:
    with (tmp_path / "y.yaml").open("wb") as file:
        file.truncate(1000 * MAX_BYTES)

    def load() -> None:
        with pytest.raises(InputError, match="larger than 100,000 bytes"):
            load_card(tmp_path / "y.yaml")

    assert takes_less_than(1, load)


def test_bytes_that_are_not_utf8_are_refused_where_they_stand(tmp_path: Path) -> None:
    (tmp_path / "y.yaml").write_bytes("schema: 1\nid: é".encode() + b"\xe9\n")
    with pytest.raises(InputError, match=r"y\.yaml:2:6  not UTF-8; save it as UTF-8$"):
        load_card(tmp_path / "y.yaml")


def test_utf16_is_refused(tmp_path: Path) -> None:
    (tmp_path / "y.yaml").write_text(BASE, encoding="utf-16")
    with pytest.raises(InputError, match=r"y\.yaml:1:1  not UTF-8"):
        load_card(tmp_path / "y.yaml")


def test_a_byte_order_mark_is_read_over(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(BASE, encoding="utf-8-sig")
    loaded = load_card(tmp_path / "x.yaml")
    assert (loaded.card.id, str(loaded.places["schema"])) == ("x", "1:1")


def test_windows_line_ends_are_read_over(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(BASE.replace("\n", "\r\n").encode())
    loaded = load_card(tmp_path / "x.yaml")
    assert (loaded.card.data.dataset, str(loaded.places["data.dataset"])) == ("rows", "8:3")


@pytest.mark.parametrize("text", ["# a\n- 1\n", "# a\ntrue\n", "# a\nwords\n", "# a\nnull\n"])
def test_what_is_no_mapping_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "y.yaml").write_text(text)
    with pytest.raises(InputError, match=r"y\.yaml:2:1  a card is a mapping: it begins with `schema: 1`$"):
        load_card(tmp_path / "y.yaml")


# Keys


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ("taks: {}", "9:1  taks: unknown key; did you mean `task`?"),
        ("  datset: y", "9:3  data.datset: unknown key; did you mean `dataset`?"),
        ("  rows: {trian: 3}", "9:10  data.rows.trian: unknown key; did you mean `train`?"),
        ("  take: {train: a, tets: b}", "9:20  data.take.tets: unknown key; did you mean `test`?"),
        ("  split: {validation: 0.1, sed: 1}", "9:28  data.split.sed: unknown key; did you mean `seed`?"),
        ("  limit: {tset: 3}", "9:11  data.limit.tset: unknown key; did you mean `test`?"),
        ("  tokens: {maxlength: 3}", "9:12  data.tokens.maxlength: unknown key; did you mean `max_length`?"),
        ("training: {lr_scheduler: x}", "9:12  training.lr_scheduler: unknown key; did you mean `scheduler`?"),
        ("training: {warmup: 3}", "9:12  training.warmup: unknown key; did you mean `warmup_steps`?"),
        ("hardware: {acclerator: x}", "9:12  hardware.acclerator: unknown key; did you mean `accelerator`?"),
        ("software: {torhc: x}", "9:12  software.torhc: unknown key; did you mean `torch`?"),
        ("evaluation: {metric: [f1]}", "9:14  evaluation.metric: unknown key; did you mean `metrics`?"),
        (
            "evaluation: {metrics: [{name: f1, average: macro}]}",
            "9:35  evaluation.metrics[0].average: unknown key; did you mean `averaging`?",
        ),
        (
            "evaluation: {slices: {words: [3], word: 3}}",
            "9:35  evaluation.slices.word: unknown key; did you mean `words`?",
        ),
        (
            "reported: [{metric: f1, value: 85%, lable: a}]",
            "9:37  reported[0].lable: unknown key; did you mean `label`?",
        ),
        (
            "examples: [{text: a, label: positive, txt: b}]",
            "9:39  examples[0].txt: unknown key; did you mean `text`?",
        ),
        ("readme: {licence: mit}", "9:10  readme.licence: unknown key; did you mean `license`?"),
        (
            "adapter: {type: lora, target_modules: [q], rnk: 3}",
            "9:44  adapter.rnk: unknown key; did you mean `r`?",
        ),
        (
            f"{LORA}quantization: {{type: bitsandbytes, bits: 4, double_quants: true}}",
            "10:45  quantization.double_quants: unknown key; did you mean `double_quant`?",
        ),
    ],
)
def test_an_unknown_key_is_refused_with_a_suggestion(more: str, line: str, refusal: Callable[..., list[str]]) -> None:
    assert refusal(f"{more}\n") == [f"x.yaml:{line}"]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("schema: 1", "schema: 1\nschema_version: 1", "2:1  schema_version: unknown key; did you mean `schema`?"),
        (
            "base:\n",
            "base:\n  alow_pickle: true\n",
            "4:3  base.alow_pickle: unknown key; did you mean `allow_pickle`?",
        ),
        (
            "vocab_size: 320",
            "vocab_size: 320, vocab: 3",
            "4:43  base.tokenizer.vocab: unknown key; did you mean `vocab_size`?",
        ),
        (
            "model_type: bert",
            "model_type: bert, hiden_size: 3",
            "5:36  base.architecture.hiden_size: unknown key; did you mean `hidden_size`?",
        ),
        (
            "model_type: bert",
            "model_type: distilbert, hidden_size: 3",
            "5:42  base.architecture.hidden_size: unknown key; did you mean `hidden_dim`?",
        ),
        (
            "model_type: bert",
            "model_type: llama, num_kv_heads: 3",
            "5:37  base.architecture.num_kv_heads: unknown key; did you mean `num_key_value_heads`?",
        ),
        ("labels:", "lables: [a], labels:", "6:35  task.lables: unknown key; did you mean `labels`?"),
    ],
)
def test_an_unknown_key_in_what_every_card_has_is_refused_with_a_suggestion(
    old: str, new: str, line: str, refusal: Callable[..., list[str]]
) -> None:
    assert refusal(old=old, new=new) == [f"x.yaml:{line}"]


def test_an_unknown_key_like_no_other_is_refused_with_the_list(refusal: Callable[..., list[str]]) -> None:
    (line,) = refusal("evaluation: {slices: {words: [3], zzz: 3}}\n")
    assert line == "x.yaml:9:35  evaluation.slices.zzz: unknown key; one of: columns, words"


@pytest.mark.parametrize(
    ("old", "line"),
    [
        ("schema: 1\n", "1:1  schema"),
        ("id: x\n", "1:1  id"),
        ("task: {type: text-classification, labels: [negative, positive]}\n", "1:1  task"),
        ("type: text-classification, ", "6:1  task.type"),
        ("type: bpe, ", "4:3  base.tokenizer.type"),
    ],
)
def test_a_missing_key_is_refused_at_its_section(old: str, line: str, refusal: Callable[..., list[str]]) -> None:
    assert refusal(old=old, new="") == [f"x.yaml:{line}: missing; it is required"]


# Values


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ("training: {epochs: '3'}", "9:12  training.epochs: should be a valid number, not '3'"),
        ("training: {epochs: true}", "9:12  training.epochs: should be a valid number, not true"),
        ("training: {epochs: .inf}", "9:12  training.epochs: should be a finite number, not .inf"),
        ("training: {epochs: 1e999}", "9:12  training.epochs: should be a finite number, not 1e999"),
        ("training: {seed: 1.0}", "9:12  training.seed: should be a valid integer, not 1.0"),
        ("training: {seed: 4294967296}", "9:12  training.seed: should be less than 4294967296, not 4294967296"),
        ("training: {batch_size: 0}", "9:12  training.batch_size: should be greater than 0, not 0"),
        (
            "training: {batch_size: 99999999999999999999}",
            "9:12  training.batch_size: should be a valid integer, not 99999999999999999999",
        ),
        ("training: {adam_betas: [0.9]}", "9:12  training.adam_betas[1]: missing; it is required"),
        ("training: {adam_betas: [0.9, 2]}", "9:30  training.adam_betas[1]: should be less than 1, not 2"),
        (
            "training: {adam_betas: [0.1, 0.2, 0.3]}",
            "9:12  training.adam_betas: should have at most 2 items, not [0.1, 0.2, 0.3]",
        ),
        ("training:", "9:1  training: should be a section of keys and values, not null"),
        ("training: [1]", "9:1  training: should be a section of keys and values, not [1]"),
        ("evaluation: {metrics: f1}", "9:14  evaluation.metrics: should be a list, not 'f1'"),
        ("evaluation: {metrics: []}", "9:14  evaluation.metrics: should have at least 1 item, not []"),
        ("evaluation: {metrics: [3]}", "9:24  evaluation.metrics[0]: should be a section of keys and values, not 3"),
        ("hardware: {provider: 3}", "9:12  hardware.provider: should be a valid string, not 3"),
        (
            "hardware: {accelerator: nvidia-t5}",
            "9:12  hardware.accelerator: 'nvidia-t5' is not known here; did you mean `nvidia-t4`?",
        ),
        ("adapter: lora", "9:1  adapter: should be a section of keys and values, not 'lora'"),
        ("adapter: {r: 8}", "9:1  adapter.type: missing; it is required"),
        ("adapter: {type: {a: 1}}", "9:11  adapter.type: {a: 1} is not known here; one of: ia3, lora"),
        ("adapter: {type: lora}", "9:1  adapter.target_modules: missing; it is required"),
        (
            "adapter: {type: lora, target_modules: [q], r: '8'}",
            "9:44  adapter.r: should be a valid integer, not '8'",
        ),
        (
            f"{LORA}quantization: {{type: bitsandbytes, bits: 5}}",
            "10:36  quantization.bits: 5 is not known here; one of: 4, 8",
        ),
        ("readme: {language: en}", "9:10  readme.language: should be a list, not 'en'"),
        ("reported: [{metric: f1, value: true}]", "9:25  reported[0].value: should be a valid string, not true"),
        ("reported: [{metric: f1, value: high}]", "9:25  reported[0].value: expected one number, found 0 in 'high'"),
        ("reported: [{metric: f1, value: 1e999}]", "9:25  reported[0].value: too large a number: '1e999'"),
        ("stated: {base.dtype: true}", "9:10  stated.base.dtype: should be a valid string, not true"),
        ("stated: {base.dtype: [3]}", "9:23  stated.base.dtype[0]: should be a valid string, not 3"),
        ("stated: {base.dtype: []}", "9:10  stated.base.dtype: should have at least 1 item, not []"),
        ("  clean: [strip_htm]", "9:11  data.clean[0]: 'strip_htm' is not known here; did you mean `strip_html`?"),
    ],
)
def test_a_wrong_value_is_refused_where_it_stands(more: str, line: str, refusal: Callable[..., list[str]]) -> None:
    assert refusal(f"{more}\n") == [f"x.yaml:{line}"]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("schema: 1", "schema: 2", "1:1  schema: 2 is not known here; one of: 1"),
        ("{type: bpe, vocab_size: 320}", "3", "4:3  base.tokenizer: should be a valid string, not 3"),
        ("type: bpe", "type: bpee", "4:15  base.tokenizer.type: 'bpee' is not known here; did you mean `bpe`?"),
        (
            "vocab_size: 320",
            "vocab_size: 3",
            "4:26  base.tokenizer.vocab_size: should be greater than or equal to 300, not 3",
        ),
        (
            "model_type: bert",
            "model_type: brt",
            "5:18  base.architecture.model_type: 'brt' is not known here; did you mean `bert`?",
        ),
        (
            "model_type: bert",
            "hidden_size: 8",
            "5:3  base.architecture: `model_type` is missing; one of: bert, distilbert, llama",
        ),
        ("{model_type: bert}", "bert", "5:3  base.architecture: should be a section of keys and values, not 'bert'"),
        ("[negative, positive]", "[a]", "6:35  task.labels: should have at least 2 items, not [a]"),
        ("[negative, positive]", "[0, b]", "6:44  task.labels[0]: should be a valid string, not 0"),
    ],
)
def test_a_wrong_value_in_what_every_card_has_is_refused_where_it_stands(
    old: str, new: str, line: str, refusal: Callable[..., list[str]]
) -> None:
    assert refusal(old=old, new=new) == [f"x.yaml:{line}"]


@pytest.mark.parametrize(
    ("more", "suggestion"),
    [
        ("adapter: {type: lorra}", "lora"),
        ("quantization: {type: bitsnbytes}", "bitsandbytes"),
        ("training: {optimizer: adamw_torc}", "adamw_torch"),
        ("training: {optimizer: paged_adamw}", "paged_adamw_8bit"),
        ("training: {scheduler: cosin}", "cosine"),
        ("training: {precision: bf-16}", "bf16"),
        ("training: {select: bets}", "best"),
        ("evaluation: {split: tset}", "test"),
        ("evaluation: {metrics: [acuracy]}", "accuracy"),
        ("evaluation: {metrics: [{name: f1, averaging: macr}]}", "macro"),
        ("reported: [{metric: precison, value: 85%}]", "precision"),
        ("  tokens: {padding: maxlength}", "max_length"),
    ],
)
def test_a_word_that_is_not_known_is_refused_with_the_nearest(
    more: str, suggestion: str, refusal: Callable[..., list[str]]
) -> None:
    (line,) = refusal(f"{more}\n")
    assert line.endswith(f"; did you mean `{suggestion}`?")


def test_a_word_like_no_other_is_refused_with_the_list(refusal: Callable[..., list[str]]) -> None:
    (line,) = refusal("training: {precision: half}\n")
    assert line == "x.yaml:9:12  training.precision: 'half' is not known here; one of: bf16, fp16, fp32"


def test_an_empty_word_is_refused_with_the_list(refusal: Callable[..., list[str]]) -> None:
    (line,) = refusal("training: {precision: ''}\n")
    assert line == "x.yaml:9:12  training.precision: '' is not known here; one of: bf16, fp16, fp32"


def test_a_value_of_many_digits_is_refused_as_any_other(refusal: Callable[..., list[str]]) -> None:
    (line,) = refusal(sets=(f"training.seed='{'9' * 5000}'",))
    assert line.endswith("…")


def test_the_id_is_the_name_of_the_file(refusal: Callable[..., list[str]]) -> None:
    (line,) = refusal(old="id: x", new="id: y")
    assert line.startswith("x.yaml:2:1  id: is 'y', but the file is 'x.yaml'")


@pytest.mark.parametrize("name", ["x y", ".x", "../x", "x/y", "", "é", "x" * 97])
def test_an_id_that_names_no_folder_is_refused(name: str, refusal: Callable[..., list[str]]) -> None:
    (line,) = refusal(old="id: x", new=f"id: '{name}'")
    assert line.startswith("x.yaml:2:1  id: use letters")


def test_all_errors_are_said_at_once_in_the_order_of_their_lines(refusal: Callable[..., list[str]]) -> None:
    lines = refusal(
        "\n\nadapter: {type: lora, rnk: 3}\ntraining: {epochs: 0, optimizer: x}\nreadme: {licence: x}\n",
        old="schema: 1",
        new="schema: 2",
    )
    assert [line.split(": ")[0] for line in lines] == [
        "x.yaml:1:1  schema",
        "x.yaml:11:1  adapter.target_modules",
        "x.yaml:11:23  adapter.rnk",
        "x.yaml:12:12  training.epochs",
        "x.yaml:12:23  training.optimizer",
        "x.yaml:13:10  readme.licence",
    ]


def test_id_rules_and_evidence_are_said_at_once(refusal: Callable[..., list[str]]) -> None:
    lines = refusal("training: {select: best}\nassumed: {base.modl: x}\n", old="id: x", new="id: y")
    assert [line.split(": ")[0] for line in lines] == [
        "x.yaml:2:1  id",
        "x.yaml:9:12  training.select",
        "x.yaml:10:11  assumed.base.modl",
    ]


# Overrides


def test_an_override_is_read_as_yaml(card: Callable[..., Loaded]) -> None:
    loaded = card(sets=("training.learning_rate=3e-5", "task.labels=[no, yes]", "data.dataset=a=b"))
    assert loaded.card.training.learning_rate == 3e-5
    assert loaded.card.task.labels == ("no", "yes")
    assert loaded.card.data.dataset == "a=b"


def test_an_override_says_what_was_declared(card: Callable[..., Loaded]) -> None:
    loaded = card("training: {learning_rate: 3e-05}\n", ("training.learning_rate=1e-4", "data.tokens.max_length=64"))
    assert [(o.path, o.root, o.declared, o.actual) for o in loaded.overrides] == [
        ("training.learning_rate", "training.learning_rate", "3e-05", "1e-4"),
        ("data.tokens.max_length", "data.tokens", "null", "64"),
    ]


def test_an_override_makes_the_sections_it_needs(card: Callable[..., Loaded]) -> None:
    loaded = card(sets=("data.limit.train=20", "data.limit.test=10"))
    assert loaded.card.data.limit is not None
    assert (loaded.card.data.limit.train, loaded.card.data.limit.test) == (20, 10)


def test_an_override_can_bring_in_a_plugin(card: Callable[..., Loaded]) -> None:
    loaded = card(sets=("adapter.type=lora", "adapter.target_modules=[query]", "adapter.r=2"))
    assert loaded.card.adapter is not None
    assert loaded.card.adapter.model_dump()["r"] == 2


def test_an_empty_override_is_null(card: Callable[..., Loaded]) -> None:
    assert card("adapter: {type: lora, target_modules: [query]}\n", ("adapter=",)).card.adapter is None


def test_of_two_overrides_of_one_path_the_last_counts_and_is_recorded(card: Callable[..., Loaded]) -> None:
    loaded = card("training: {seed: 3}\n", ("training.seed=1", "training.seed=2"))
    assert loaded.card.training.seed == 2
    assert [(o.declared, o.actual) for o in loaded.overrides] == [("3", "2")]


def test_an_override_leaves_the_file_and_its_hash_alone(card: Callable[..., Loaded]) -> None:
    plain, changed = card(), card(sets=("training.seed=2",))
    assert (changed.sha256, Path("x.yaml").read_text(encoding="utf-8")) == (plain.sha256, BASE)


@pytest.mark.parametrize(
    ("assignment", "problem"),
    [
        ("training.seed=x", "training.seed: should be a valid integer, not 'x'"),
        ("training.sed=1", "training.sed: unknown key; did you mean `seed`?"),
        ("trainng.seed=1", "trainng: unknown key; did you mean `training`?"),
        ("data.limit.trian=1", "data.limit.trian: unknown key; did you mean `train`?"),
        ("data.limit={trian: 1}", "data.limit.trian: unknown key; did you mean `train`?"),
        ("adapter.type=lora", "adapter.target_modules: missing; it is required"),
        ("adapter.r=8", "adapter.type: missing; it is required"),
        ("source.readme=a", "source.readme: judges or describes the run and is no part of it; edit the card instead"),
        ("base.architecture.hidden_size=a", "base.architecture.hidden_size: should be a valid integer, not 'a'"),
        ("base.architecture.model_type=gpt", "base.architecture.model_type: 'gpt' is not known here; "
         "one of: bert, distilbert, llama"),
        ("task.labels=[a, a]", "task: `labels` repeats a name"),
        ("reported[0].value=1", "reported[0]: unknown key; did you mean `reported`?"),
        ("task.labels.0=a", "task.labels.0: `labels` is a value, not a section"),
        ("evaluation.metrics=[acuracy]", "evaluation.metrics[0]: no metric 'acuracy'; did you mean `accuracy`?"),
        ("task.positive=b", "task: `positive` is not among the labels; one of: negative, positive"),
        ("training.seed=&a 1", "training.seed: anchors and aliases are refused; write the value out"),
        ("training.seed", "write path=value, for example training.seed=1"),
        ("=1", "write path=value, for example training.seed=1"),
    ],
)  # fmt: skip
def test_a_bad_override_is_refused_at_the_option(
    assignment: str, problem: str, refusal: Callable[..., list[str]]
) -> None:
    assert refusal(sets=(assignment,)) == [f"--set {assignment}  {problem}"]


def test_a_broken_value_of_an_override_is_refused_at_the_option(refusal: Callable[..., list[str]]) -> None:
    (line,) = refusal(sets=("training.seed=[1",))
    assert line.startswith("--set training.seed=[1  training.seed: not YAML: ")


def test_an_override_that_contradicts_the_file_is_refused_at_the_option(refusal: Callable[..., list[str]]) -> None:
    (line,) = refusal("training: {warmup_steps: 3}\n", ("training.warmup_ratio=0.1",))
    assert line.startswith("--set training.warmup_ratio=0.1  training: warmup is given twice")


def test_an_id_cannot_be_overridden(refusal: Callable[..., list[str]]) -> None:
    (line,) = refusal(sets=("id=y",))
    assert line == "--set id=y  id: judges or describes the run and is no part of it; edit the card instead"


def test_all_bad_overrides_are_said_at_once(refusal: Callable[..., list[str]]) -> None:
    lines = refusal(sets=("training.seed", "a=[", "task.labels.x=1"))
    assert [line.split("  ")[0] for line in lines] == ["--set a=[", "--set task.labels.x=1", "--set training.seed"]


def test_a_path_that_was_overridden_is_named_by_its_option(card: Callable[..., Loaded]) -> None:
    loaded = card(sets=("data.dataset=other",))
    assert (loaded.where("data.dataset"), loaded.where("data.text")) == ("--set data.dataset=other", "x.yaml:7:1")


# Anything else that may stand in a file


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_a_damaged_card_loads_or_is_refused_in_single_lines(file: Path, tmp_path: Path) -> None:
    text, draw = file.read_text(encoding="utf-8"), random.Random(file.stem)
    damaged = tmp_path / file.name
    shutil.copytree(ROOT / "cards" / "imdb" / "sources", tmp_path / "sources")
    outcomes = set()
    for _ in range(25):
        lines = text.splitlines(keepends=True)
        at = draw.randrange(len(lines))
        match draw.randrange(5):
            case 0:
                del lines[at : at + draw.randint(1, 4)]
            case 1:
                lines.insert(draw.randrange(len(lines)), lines[at])
            case 2:
                column = draw.randrange(len(lines[at]))
                lines[at] = lines[at][:column] + draw.choice("[]{}&*!|>'\"%@`#,:?-~\t\x00é \n0") + lines[at][column:]
            case 3:
                column = draw.randrange(len(lines[at]))
                lines[at] = lines[at][:column] + lines[at][column + draw.randint(1, 3) :]
            case 4:
                lines[at] = lines[at].replace(":", draw.choice([": [", ": {", ": null #", ": 3 #", ":: ", " "]), 1)
        damaged.write_text("".join(lines), encoding="utf-8")
        try:
            outcomes.add(type(load_card(damaged)))
        except InputError as error:
            assert error.problems
            assert len(str(error).splitlines()) == len(error.problems)
            assert all(str(problem).startswith(str(damaged)) for problem in error.problems)
            outcomes.add(InputError)
    assert outcomes == {Loaded, InputError}


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["lora", "bert", "type"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "model_type", "readme", "train", "words", "a", "0"]), inner, max_size=3
        )
    ),
    max_leaves=5,
)
PATHS = (
    "source",
    "base",
    "base.model",
    "base.tokenizer",
    "base.architecture",
    "task",
    "task.labels",
    "data",
    "data.rows",
    "data.pool",
    "data.take",
    "data.split",
    "data.limit",
    "data.clean",
    "data.tokens",
    "adapter",
    "quantization",
    "training",
    "training.optimizer",
    "training.adam_betas",
    "hardware",
    "evaluation",
    "evaluation.metrics",
    "evaluation.slices",
    "reported",
    "stated",
    "assumed",
    "derived",
    "examples",
    "readme",
)


@given(st.sampled_from(PATHS), ANYTHING)
@settings(max_examples=250)
def test_any_value_anywhere_loads_or_is_refused_in_single_lines(path: str, value: Any) -> None:
    try:
        load_card(ROOT / "cards" / "quickstart.yaml", (f"{path}={json.dumps(value)}",))
    except InputError as error:
        assert error.problems
        assert len(str(error).splitlines()) == len(error.problems)


def test_loading_every_shipped_card_imports_nothing_heavy() -> None:
    code = (
        "import sys, registry.loading, registry.finding, runner.plugins\n"
        "files = registry.finding.all_cards().values()\n"
        "cards = [runner.plugins.load_card(file).card.id for file in files]\n"
        "print(len(cards), *sorted({'torch', 'transformers', 'datasets', 'peft', 'evaluate', 'sklearn', 'scipy',"
        " 'huggingface_hub', 'requests', 'httpx', 'bitsandbytes', 'accelerate'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == [str(len(SHIPPED))]
