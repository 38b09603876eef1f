"""What explains a gap: on a planted one of each kind the right hypothesis comes first, a clean run yields none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from command import replicard, write_card
from records import CARDS

from registry.card import Claim
from runner import plugins
from runner.execution import Execution
from runner.explaining import COSTS, _case, _mean, _weigh, explain
from runner.runs import Run

if TYPE_CHECKING:
    from registry.card import Card
    from runner.hypotheses import Case

METRICS = ("accuracy", "precision", "recall", "f1", "roc_auc")
SEEDS = range(1, 11)
"""Ten cases of each kind: a planted gap on a run of another seed and of other rows each."""


def claims(values: dict[str, float], digits: int = 4) -> tuple[Claim, ...]:
    return tuple(
        Claim.model_validate({"metric": name, "value": f"{value:.{digits}f}", "split": "test", "seeds": 5, "sd": 0.002})
        for name, value in values.items()
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Card, Run]]:
    """Ten runs of a small card, each with rows and a seed of its own."""
    import torch
    from conftest import CARD, draw_reviews

    from runner import progress, reproducing

    torch.set_num_threads(1)
    progress.console.quiet = True
    runs = []
    for seed in SEEDS:
        folder = tmp_path_factory.mktemp(f"case{seed}")
        train, test = noisy(draw_reviews(160, seed), seed), noisy(draw_reviews(240, seed + 100), seed + 1)
        test[200:] = [{**row, "label": int(row["label"])} for row in train[:40]]  # known to the model
        (folder / "rows").mkdir()
        for name, rows in (("train", train), ("test", test)):
            (folder / f"rows/{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        card = {
            **CARD,
            "data": {"dataset": "rows", "tokens": {"max_length": 48}},
            "training": {**CARD["training"], "epochs": 8, "learning_rate": 1e-2, "seed": seed},
            "evaluation": {"metrics": list(METRICS), "each_epoch": "test", "margin": 0.005},
        }
        (folder / "tiny.yaml").write_text(json.dumps(card))
        loaded = plugins.load_card(folder / "tiny.yaml")
        ready = reproducing.prepare(loaded, folder / "runs", Execution(accept_deviations=True))
        reproducing.train_and_evaluate(ready)
        runs.append((loaded.card, ready.run))
    return runs


def noisy(rows: list[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    """One label in five is wrong, so that a training overfits; negatives are twice as many as positives, so that no
    average is another; and the telling word stands late, so that a text that is cut loses it."""
    draw = np.random.default_rng(seed)
    rows = [{**row, "text": f"{'the film ' * int(draw.integers(0, 6))}{row['text']}"} for row in rows]
    kept = [row for row in rows if row["label"] == 0 or draw.random() < 0.5]
    kept += [{**row, "text": row["text"] + " film"} for row in kept[: len(rows) - len(kept)]]
    return [{**row, "label": 1 - row["label"] if draw.random() < 0.2 else row["label"]} for row in kept]


def case_of(card: Card, run: Run) -> Case:
    """The case of a card that claims what was reproduced, so that every claim is one of it."""
    from runner.audit import judge_runs

    reporting = card.model_copy(update={"reported": claims(dict.fromkeys(METRICS, 0.5))})
    return _case(reporting, run, judge_runs(reporting, run))


def planted(case: Case, hypothesis: str, number: int = 0) -> dict[str, float]:
    """What the claims would be if somebody had done so."""
    trial = list(plugins.hypothesis(hypothesis).trials(case))[number]
    base = _mean([case.measure(sample) for sample in case.samples])
    return {METRICS[index]: value for index, value in {**base, **_mean(trial.values())}.items()}


GAPS = [
    ("labels_swapped", 0),
    ("averaging", 0),
    ("averaging", 1),
    ("averaging", 4),
    ("training_rows", 0),
    ("hard_labels", 0),
    ("epoch", 1),
    ("max_length", 0),
    ("duplicates", 0),
]


@pytest.mark.slow
@pytest.mark.parametrize(("hypothesis", "number"), GAPS)
def test_the_right_hypothesis_comes_first_in_nine_of_ten_planted_cases(
    hypothesis: str, number: int, made: list[tuple[Card, Run]]
) -> None:
    first, gaps = 0, 0
    for card, run in made:
        case = case_of(card, run)
        result = explain(card.model_copy(update={"reported": claims(planted(case, hypothesis, number))}), run)
        gaps += bool(result.gaps)
        first += bool(result.explanations) and result.explanations[0].hypothesis == hypothesis
    assert gaps >= 5
    assert first >= 0.9 * gaps


@pytest.mark.slow
def test_a_clean_run_yields_none(made: list[tuple[Card, Run]]) -> None:
    for card, run in made:
        case = case_of(card, run)
        (values,) = [case.measure(sample) for sample in case.samples]
        reported = claims({METRICS[index]: value for index, value in values.items()})
        result = explain(card.model_copy(update={"reported": reported}), run)
        assert (result.gaps, result.tried, result.explanations) == ((), 0, ())


# The arithmetic


def card_of(*texts: str) -> Card:
    card = plugins.load_card(CARDS / "quickstart.yaml").card
    reported = tuple(Claim.model_validate({"metric": "accuracy", "value": text}) for text in texts)
    return card.model_copy(update={"reported": reported})


def test_a_coarsely_rounded_number_is_worth_less_than_one_with_digits() -> None:
    """Whole percent is hit by chance some hundred times as often as four digits."""
    weighed = [_weigh(card_of(text), [0], {0: 0.8}, {0: 0.9}, {0: 0.001}, 0.1) for text in ("90%", "0.9000")]
    assert all(one is not None for one in weighed)
    (_, chance, odds), (_, less, more) = (one for one in weighed if one is not None)
    assert less < chance and more > 5 * odds


def test_what_breaks_a_claim_that_was_reproduced_is_less_likely() -> None:
    card, noise = card_of("0.9000", "0.8000"), {0: 0.002, 1: 0.002}
    good = _weigh(card, [0], {0: 0.85, 1: 0.8}, {0: 0.9, 1: 0.8}, noise, 0.1)
    bad = _weigh(card, [0], {0: 0.85, 1: 0.8}, {0: 0.9, 1: 0.7}, noise, 0.1)
    assert good is not None and bad is not None and good[2] > 100 * bad[2]


def test_what_does_not_come_nearer_explains_nothing() -> None:
    assert _weigh(card_of("0.9000"), [0], {0: 0.85}, {0: 0.84}, {0: 0.001}, 0.1) is None


@pytest.mark.parametrize("name", plugins.names("hypotheses"))
def test_a_hypothesis_says_what_it_costs_and_how_plausible_it_is(name: str) -> None:
    found = plugins.hypothesis(name)
    assert found.COST in COSTS
    assert 0 < found.PRIOR < 1
    assert plugins.module("hypotheses", name).__doc__


# The command


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """A finished run in a folder with its card, and its accuracy."""
    folder = tmp_path_factory.mktemp("explain")
    assert replicard("reproduce", write_card(folder / "cards"), "--runs", folder / "runs", "-q").code == 0
    (record,) = (folder / "runs").glob("tiny/*/seed1/record.json")
    return folder, json.loads(record.read_bytes())["evaluation"]["scores"][0]["value"]


CLAIM = "evaluation: {metrics: [accuracy]}\nreported: [{metric: accuracy, value: %s, seeds: 5, sd: 0.005}]\n"


def told(trained: tuple[Path, float], value: str, monkeypatch: pytest.MonkeyPatch, *more: str) -> dict[str, Any]:
    monkeypatch.chdir(trained[0])
    write_card(trained[0] / "cards", "evaluation: {metrics: [accuracy]}\n", CLAIM % value)
    answer = replicard("explain", "tiny", "--runs", "runs", "--json", "-q", *more)
    assert answer.code == 0, answer.err
    return dict(json.loads(answer.out))


def test_labels_that_were_swapped_are_found_from_the_command_line(
    trained: tuple[Path, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = told(trained, f"{1 - trained[1]:.4f}", monkeypatch)
    assert found["gaps"] == [0]
    assert found["explanations"][0]["hypothesis"] == "labels_swapped"
    assert 1 <= len(found["explanations"]) < found["tried"]


def test_a_number_that_was_reproduced_needs_no_explanation(
    trained: tuple[Path, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = told(trained, f"{trained[1]:.4f}", monkeypatch)
    assert (found["gaps"], found["tried"]) == ([], 0)
    assert "nothing to explain" in replicard("explain", "tiny", "--runs", "runs").out


def test_people_read_how_many_of_what_was_tried_reach_the_number(
    trained: tuple[Path, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = told(trained, f"{1 - trained[1]:.4f}", monkeypatch)["tried"]
    out = replicard("explain", "tiny", "--runs", "runs", "-q").out
    assert "'negative' and 'positive' were taken for each other" in out
    assert f"of {tried} tried make a reported number reachable" in out


# Trainings


def test_trainings_need_a_budget_and_are_kept_apart_from_runs(
    trained: tuple[Path, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(trained[0])
    claim = Claim.model_validate({"metric": "accuracy", "value": "0.1234", "seeds": 5, "sd": 0.005})
    write_card(trained[0] / "cards")
    (record,) = Path("runs").glob("tiny/*/seed1/record.json")
    run = Run(Path("runs"), "tiny", record.parts[-3], 1)
    card = plugins.load_card(Path("cards/tiny.yaml")).card
    card = card.model_copy(update={"reported": (claim,), "assumed": {"training.epochs": "nobody says"}})
    found = explain(card, run)
    assert found.untried[0].partition(":")[0] == "`training.epochs` was 1"
    assert not Path("runs/explained").exists()
    monkeypatch.setitem(plugins.module("hypotheses", "assumed_value").ALTERNATIVES, "training.epochs", ("1", "2"))
    within = explain(card, run, budget=10)
    assert (within.untried, within.tried) == ((), found.tried + 1)
    (made,) = Path("runs/explained").glob("tiny/*/seed1/record.json")
    assert json.loads(made.read_bytes())["card"]["training"]["epochs"] == 1


def test_a_run_that_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    answer = replicard("explain", "nothing", "--runs", tmp_path)
    assert answer.code == 2 and "no runs in" in answer.line
