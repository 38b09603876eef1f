"""Metrics are scikit-learn's on the rows they are given, whichever way the rows are held; intervals cover."""

from __future__ import annotations

import inspect
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.card import Metric, Task
from registry.errors import InputError, MissingError
from registry.vocabulary import Averaging
from runner import plugins, scoring
from runner.metrics import Sample, wilson
from runner.scoring import averaging_of, bootstrap, scores

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from registry.loading import Loaded

NAMES = plugins.names("metrics")
SEEDS = range(5)


def sample(rows: int, labels: int, seed: int, positive: int | None = None) -> Sample:
    """Random rows whose prediction is right more often than not."""
    draw = np.random.default_rng(seed)
    truth = np.concatenate([np.arange(labels), draw.integers(labels, size=rows - labels)])
    scored = draw.random((rows, labels)) + 0.6 * np.eye(labels)[truth]
    chances = scored / scored.sum(axis=1, keepdims=True)
    ones = np.ones(rows, dtype=np.int64)
    return Sample(truth, chances.argmax(axis=1), ones, chances, labels - 1 if positive is None else positive)


SKLEARN = {
    "accuracy": "accuracy_score",
    "cohen_kappa": "cohen_kappa_score",
    "matthews_correlation": "matthews_corrcoef",
    "precision": "precision_score",
    "recall": "recall_score",
    "f1": "f1_score",
    "roc_auc": "roc_auc_score",
}
"""scikit-learn's function of each metric that is only called otherwise here; one that is not here has none, and is held
to the rest of the contract."""


def by_sklearn(name: str, averaging: str, rows: Sample) -> float:
    """The value by scikit-learn, called as its manual does."""
    per_class: dict[str, Any] = {"pos_label": rows.positive} if averaging == "positive" else {"average": averaging}
    binary = rows.probabilities.shape[1] == 2  # type: ignore[union-attr]
    scored = rows.probabilities[:, rows.positive] if binary else rows.probabilities  # type: ignore[index]
    function = getattr(sklearn.metrics, SKLEARN[name])
    if name == "roc_auc":
        arguments = {} if binary else {"multi_class": "ovr"}
        return function(rows.labels == rows.positive if binary else rows.labels, scored, **arguments)
    return function(rows.labels, rows.predicted, **(per_class if name in ("precision", "recall", "f1") else {}))


def first_line(documented: Any) -> str:
    """The first line of a docstring; empty without one."""
    return next(iter((inspect.getdoc(documented) or "").splitlines()), "")


# Every file of runner/metrics


@pytest.mark.parametrize("name", NAMES)
def test_a_metric_s_file_has_what_a_metric_needs(name: str) -> None:
    module, file = plugins.module("metrics", name), f"runner/metrics/{name}.py"
    assert len(first_line(module)) > 20, f"{file} begins with a docstring: what the metric is, in a line"
    for flag in ("SCORES", "AVERAGED"):
        assert type(getattr(module, flag, None)) is bool, f"{file} says {flag} = True or False"
    assert hasattr(module, "compute"), f"{file} has no `compute(sample, averaging)`"
    for function in ("compute", "interval") if hasattr(module, "interval") else ("compute",):
        own = getattr(module, function)
        assert list(inspect.signature(own).parameters) == ["sample", "averaging"], f"{file}: parameters of {function}"
        assert first_line(own), f"{file}: {function} has no docstring"


@pytest.mark.parametrize("kind", ["metrics", *plugins.KINDS])
def test_naming_the_plugins_imports_none_of_them(kind: str) -> None:
    program = f"import sys; from runner import plugins; names = plugins.names({kind!r}); assert names; "
    program += f"print(names, [m for m in sys.modules if m.startswith('runner.{kind}.') or m in ('torch', 'sklearn')])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.endswith(" []\n")


@pytest.mark.parametrize("kind", plugins.KINDS)
def test_a_section_s_type_is_the_name_of_its_file(kind: str) -> None:
    for name in plugins.names(kind):
        module, file = plugins.module(kind, name), f"runner/{kind}/{name}.py"
        assert first_line(module), f"{file} begins with a docstring"
        fields = module.Config.model_fields
        assert fields["type"].annotation.__args__ == (name,), f'{file}: the type of Config is Literal["{name}"]'
        silent = [field for field, info in fields.items() if not info.description]
        assert not silent, f"{file}: no docstring below {', '.join(silent)}"


@pytest.mark.parametrize("name", plugins.names("tasks"))
def test_a_task_s_file_has_what_a_task_needs(name: str) -> None:
    import transformers

    task = plugins.task(name)
    assert issubclass(task.Config, Task)
    assert hasattr(transformers, task.AUTO_CLASS)
    for stage in ("settings", "columns", "encode"):
        own, needed = getattr(task, stage), getattr(plugins.Task, stage)
        assert ["self", *inspect.signature(own).parameters] == list(inspect.signature(needed).parameters)
        assert inspect.getdoc(own)


def test_what_is_compared_with_scikit_learn_is_there() -> None:
    assert set(SKLEARN) <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_metric_is_a_number_under_every_averaging(name: str) -> None:
    for labels in (2, 4):
        for averaging in ["macro", "micro", "weighted", *(["positive"] if labels == 2 else [])]:
            value = plugins.metric(name).compute(sample(90, labels, 0), averaging)
            assert isinstance(value, float) and np.isfinite(value), f"{name}, {averaging}, {labels} labels: {value!r}"


@pytest.mark.parametrize("labels", [2, 4])
@pytest.mark.parametrize("name", sorted(SKLEARN))
def test_a_metric_is_scikit_learn_s(name: str, labels: int) -> None:
    for seed in SEEDS:
        rows = sample(90, labels, seed)
        for averaging in get_args(Averaging) if labels == 2 else set(get_args(Averaging)) - {"positive"}:
            value = plugins.metric(name).compute(rows, averaging)
            assert value == pytest.approx(by_sklearn(name, averaging, rows), abs=1e-12), (seed, averaging)


@pytest.mark.parametrize("name", sorted(SKLEARN))
def test_the_positive_class_may_be_the_first(name: str) -> None:
    for seed in SEEDS:
        rows = sample(90, 2, seed, positive=0)
        value = plugins.metric(name).compute(rows, "positive")
        assert value == pytest.approx(by_sklearn(name, "positive", rows), abs=1e-12)


@pytest.mark.parametrize("labels", [2, 3])
@pytest.mark.parametrize("name", NAMES)
def test_a_row_that_counts_twice_is_two_rows(name: str, labels: int) -> None:
    metric = plugins.metric(name)
    for seed in SEEDS:
        rows = sample(40, labels, seed)
        times = np.random.default_rng(seed).integers(1, 4, size=40)
        written_out = Sample(
            np.repeat(rows.labels, times),
            np.repeat(rows.predicted, times),
            np.ones(times.sum(), dtype=np.int64),
            np.repeat(rows.probabilities, times, axis=0),  # type: ignore[arg-type]
            rows.positive,
        )
        weighted = metric.compute(replace(rows, weights=times), "macro")
        assert weighted == pytest.approx(metric.compute(written_out, "macro"), abs=1e-12)


@pytest.mark.parametrize("labels", [2, 5])
@pytest.mark.parametrize("name", [name for name in NAMES if not plugins.metric(name).SCORES])
def test_cells_of_the_confusion_matrix_give_what_the_rows_do(name: str, labels: int) -> None:
    metric = plugins.metric(name)
    for seed in SEEDS:
        rows = sample(200, labels, seed)
        assert len(rows.merged().labels) <= labels**2
        for averaging in ("macro", "weighted"):
            merged = metric.compute(rows.merged(), averaging)
            assert merged == pytest.approx(metric.compute(rows, averaging), abs=1e-12)


@pytest.mark.parametrize("name", [name for name in NAMES if hasattr(plugins.metric(name), "interval")])
def test_a_metric_s_own_interval_is_around_its_value(name: str) -> None:
    module = plugins.module("metrics", name)
    for seed in SEEDS:
        for positive in (0, 1):
            rows = sample(80, 2, seed, positive).merged()
            found = module.interval(rows if not module.SCORES else sample(80, 2, seed, positive), "positive")
            if found is None:
                continue  # a bootstrap's is taken
            assert found.low < module.compute(rows, "positive") < found.high


def test_what_is_not_averaged_is_the_same_under_every_averaging() -> None:
    rows = sample(60, 3, 0)
    for name in NAMES:
        metric = plugins.metric(name)
        values = {metric.compute(rows, averaging) for averaging in ("macro", "micro", "weighted")}
        assert (len(values) > 1) == metric.AVERAGED, name


# Scores


def test_the_averaging_is_the_declared_one_else_by_the_number_of_labels() -> None:
    assert averaging_of(Metric(name="f1", averaging="weighted"), 2) == "weighted"
    assert averaging_of(Metric(name="f1"), 2) == "positive"
    assert averaging_of(Metric(name="f1"), 3) == "macro"


def test_a_score_names_its_averaging_only_where_there_is_one() -> None:
    found = scores(sample(40, 2, 0), [Metric(name="accuracy"), Metric(name="f1")])
    assert [(score.metric, score.averaging) for score in found] == [("accuracy", None), ("f1", "positive")]


def test_a_metric_that_is_undefined_on_the_rows_is_left_out() -> None:
    rows = sample(40, 2, 0)
    found = scores(rows.part(rows.labels == 1), [Metric(name="roc_auc"), Metric(name="accuracy")])
    assert [score.metric for score in found] == ["accuracy"]


# Intervals


@pytest.mark.parametrize(
    ("right", "rows", "low", "high"),
    [
        # Newcombe 1998 (doi:10.1002/(SICI)1097-0258(19980430)17:8<857::AID-SIM777>3.0.CO;2-E), table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_s_interval_has_the_published_ends(right: int, rows: int, low: float, high: float) -> None:
    found = wilson(right, rows)
    assert found is not None
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_there_is_no_interval_without_rows() -> None:
    assert wilson(0, 0) is None


def test_the_accuracy_s_interval_is_wilson_s_of_the_right_rows() -> None:
    (score,) = scores(sample(150, 3, 1), [Metric(name="accuracy")])
    assert score.interval == wilson(round(score.value * 150), 150)


def test_precision_and_recall_have_wilson_s_interval_of_their_own_rows() -> None:
    rows = sample(150, 2, 1)
    precision, recall = scores(rows, [Metric(name="precision"), Metric(name="recall")])
    hits = int(((rows.labels == 1) & (rows.predicted == 1)).sum())
    assert precision.interval == wilson(hits, int(rows.predicted.sum()))
    assert recall.interval == wilson(hits, int(rows.labels.sum()))


def test_a_bootstrap_interval_covers_as_often_as_it_says() -> None:
    """Of the accuracy, whose true value is known here; 150 times 95% ± 3 standard errors."""
    accuracy: Any = SimpleNamespace(compute=lambda rows, _: rows.weights @ (rows.labels == rows.predicted) / 120)
    covered = 0
    draw = np.random.default_rng(0)
    for _ in range(150):
        right = draw.random(120) < 0.8
        labels = draw.integers(2, size=120)
        rows = Sample(labels, np.where(right, labels, 1 - labels), np.ones(120, dtype=np.int64), None, 1)
        found = bootstrap(rows.merged(), accuracy, "positive")
        assert found is not None
        covered += found.low <= 0.8 <= found.high
    assert 0.88 <= covered / 150 <= 0.99


def test_a_bootstrap_is_the_same_each_time() -> None:
    rows, f1 = sample(60, 2, 0).merged(), plugins.metric("f1")
    assert bootstrap(rows, f1, "positive") == bootstrap(rows, f1, "positive")


def test_a_perfect_score_of_few_rows_has_no_interval_rather_than_a_certain_one() -> None:
    labels = np.asarray([0, 1, 1, 0, 1])
    rows = Sample(labels, labels, np.ones(5, dtype=np.int64), np.eye(2)[labels], 1)
    accuracy, f1, area = scores(rows, [Metric(name=name) for name in ("accuracy", "f1", "roc_auc")])
    assert [score.value for score in (accuracy, f1, area)] == [1, 1, 1]
    assert accuracy.interval is not None and accuracy.interval.low < 0.6
    assert f1.interval is None and area.interval is None


@pytest.mark.parametrize("labels", [2, 4])
@pytest.mark.parametrize("name", NAMES)
def test_a_resample_s_value_is_scikit_learn_s_of_its_rows_written_out(name: str, labels: int) -> None:
    metric = plugins.metric(name)
    rows = sample(30, labels, 3)
    held = rows if metric.SCORES else rows.merged()
    drawn = held.resampled(np.random.default_rng(0), 40)
    for averaging in ("macro", "micro", "weighted"):
        values = metric.compute(drawn, averaging)
        assert values.shape == (40,)
        for value, times in zip(values, drawn.weights, strict=True):
            written_out = Sample(
                np.repeat(held.labels, times),
                np.repeat(held.predicted, times),
                np.ones(times.sum(), dtype=np.int64),
                np.repeat(rows.probabilities, times, axis=0) if metric.SCORES else rows.probabilities,  # type: ignore[arg-type]
                rows.positive,
            )
            if name == "roc_auc" and len(set(written_out.labels)) < labels:
                assert np.isnan(value)
            else:
                assert value == pytest.approx(by_sklearn(name, averaging, written_out), abs=1e-12)


def test_equal_scores_count_for_half_in_the_auc() -> None:
    rows = sample(200, 2, 4)
    coarse = np.round(rows.probabilities, 1)  # type: ignore[arg-type]
    assert len(np.unique(coarse)) < 12
    tied = replace(rows, probabilities=coarse)
    value = plugins.metric("roc_auc").compute(tied, "positive")
    assert value == pytest.approx(by_sklearn("roc_auc", "positive", tied), abs=1e-12)


def test_the_bootstrap_of_many_rows_is_put_together_from_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    metric = plugins.metric("roc_auc")
    whole = bootstrap(sample(300, 2, 0), metric, "positive")
    monkeypatch.setattr(scoring, "_AT_ONCE", 300 * 7)
    assert bootstrap(sample(300, 2, 0), metric, "positive") == whole


@settings(max_examples=25)
@given(rows=st.integers(3, 60), labels=st.integers(2, 3), seed=st.integers(0, 99))
def test_resampled_rows_are_as_many(rows: int, labels: int, seed: int) -> None:
    whole = sample(rows, labels, seed)
    for held in (whole, whole.merged()):
        drawn = held.resampled(np.random.default_rng(seed), 5).weights
        assert drawn.shape == (5, len(held.labels))
        assert set(drawn.sum(axis=1)) == {rows}


# Metrics of the evaluate package

MODULE = """
import datasets
import evaluate


class Share(evaluate.Metric):
    def _info(self):
        features = datasets.Features({"predictions": datasets.Value("int32"), "references": datasets.Value("int32")})
        return evaluate.MetricInfo(description="d", citation="c", inputs_description="i", features=features)

    def _compute(self, predictions, references):
        return RESULT
"""


@pytest.fixture
def module(tmp_path: Path) -> Callable[[str], Path]:
    """`module(result)`: a metric of the evaluate package in a local file."""

    def write(result: str) -> Path:
        name = f"share_{abs(hash(result)) % 10**8}"  # evaluate caches a module by its name
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.py").write_text(MODULE.replace("RESULT", result))
        return tmp_path / name

    return write


def test_a_local_metric_of_the_evaluate_package_is_computed(
    module: Callable[[str], Path], write_card: Callable[..., Loaded]
) -> None:
    path = module('{"share": sum(p == r for p, r in zip(predictions, references)) / len(references)}')
    loaded = write_card(evaluation={"metrics": ["accuracy", {"name": f"evaluate:{path}", "trust": True}]})
    accuracy, foreign = scores(sample(50, 2, 3), loaded.card.evaluation.metrics)
    assert foreign.metric == f"evaluate:{path}"
    assert foreign.value == accuracy.value
    assert foreign.interval is None


def test_code_of_somebody_else_needs_consent(module: Callable[[str], Path], write_card: Callable[..., Loaded]) -> None:
    with pytest.raises(InputError, match="say `trust: true` to allow it"):
        write_card(evaluation={"metrics": [f"evaluate:{module('{}')}"]})


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ('{"a": 1.0, "b": 2.0}', r"gave 2 numbers \(a, b\); one is needed"),
        ("{}", r"gave 0 numbers"),
        ("None", r"gave NoneType"),
        ("1 / 0", r"failed: ZeroDivisionError: division by zero"),
        ("[][0]", r"failed: IndexError: list index out of range"),
        ("(_ for _ in ()).throw(ValueError())", r"failed: ValueError"),
    ],
)
def test_a_foreign_metric_that_fails_is_one_line(result: str, message: str, module: Callable[[str], Path]) -> None:
    metric = Metric(name=f"evaluate:{module(result)}", trust=True)
    with pytest.raises(InputError, match=message) as caught:
        scores(sample(20, 2, 0), [metric])
    assert str(caught.value).startswith("evaluation.metrics evaluate:")
    assert "\n" not in str(caught.value)


def test_a_foreign_metric_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="cannot be loaded") as caught:
        scores(sample(20, 2, 0), [Metric(name=f"evaluate:{tmp_path}/none.py", trust=True)])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_a_foreign_value_that_is_no_number_is_left_out(value: str, module: Callable[[str], Path]) -> None:
    result = f'{{"value": float("{value}")}}'
    metric = Metric(name=f"evaluate:{module(result)}", trust=True)
    assert scores(sample(20, 2, 0), [metric]) == ()


def test_a_metric_that_does_not_exist_is_refused_with_a_suggestion(write_card: Callable[..., Loaded]) -> None:
    with pytest.raises(InputError, match=r"evaluation.metrics\[1\]: no metric 'acuracy'; did you mean `accuracy`\?"):
        write_card(evaluation={"metrics": ["f1", "acuracy"]})
