"""Explanations: what commonly makes a reported number differ from a reproduced one, tried on a finished run.

Cheap things first: the kept predictions scored otherwise, then the saved model scoring again, then, within a budget,
the training with one value changed. A number that is rounded to whole percent is easily hit, so what is found is ranked
by how likely the reported numbers are if it was so, against what an unknown cause would give, and by how plausible it
was before: see docs/decisions/0008-explanations.md.
"""

from __future__ import annotations

import math
import time
from functools import cache, partial
from pathlib import Path
from statistics import NormalDist, fmean, stdev
from typing import TYPE_CHECKING, Any

from registry.errors import InputError
from registry.finding import all_cards
from registry.loading import Loaded
from registry.vocabulary import SHARES
from runner import plugins, progress, reproducing
from runner.audit import judge_runs
from runner.execution import Execution
from runner.hypotheses import Case
from runner.metrics import Sample
from runner.record import Item, Record
from runner.runs import Run, read_record, seeds_of
from runner.scoring import averaging_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from registry.card import Card, Claim
    from registry.vocabulary import Averaging
    from runner.audit import Audit
    from runner.checks import Finding
    from runner.record import Point

FOLDER = "explained"
"""Where trainings of hypotheses lie, in the folder of all runs: it is a folder of runs itself."""

COSTS = ("scores", "model", "training")
"""From cheap to dear."""

SAME_MODEL, SAME_RECIPE, OTHER = 0.2, 0.7, 0.1
"""How likely a right hypothesis gives the reported digits exactly, gives them but for the noise of seeds, and is only a
part of the truth: judgement."""

_INSIDE = 1.96
"""Standard deviations within which a value is reached."""


class Explanation(Item):
    """Something that makes reported numbers reachable.

    Attributes:
        hypothesis: Its file.
        what: What was done.
        values: What each claim would be: index into the card's claims → value.
        reaches: The unexplained claims that it reaches.
        chance: How likely numbers at random would be reached as well.
        odds: How much likelier the reported numbers are than under an unknown cause, its plausibility counted in.
    """

    hypothesis: str
    what: str
    values: dict[int, float]
    reaches: tuple[int, ...]
    chance: float
    odds: float


class Explained(Item):
    """What was tried to explain the gaps of a run.

    Attributes:
        format: Version of this format.
        card_id: The card.
        run_id: The run.
        gaps: Claims that are not reproduced: indices into the card's claims.
        tried: How many things were tried.
        untried: What the budget did not allow, or what cannot be tried here, each with the reason.
        explanations: What reaches a gap, the likeliest first.
    """

    format: int = 1
    card_id: str
    run_id: str
    gaps: tuple[int, ...]
    tried: int
    untried: tuple[str, ...]
    explanations: tuple[Explanation, ...]


def explain(card: Card, run: Run, claims: Sequence[Finding] = (), budget: float = 0.0) -> Explained:
    """Try what commonly explains that a card's claims are not reproduced.

    Args:
        card: The card, with what it reports now.
        run: One of its runs.
        claims: What the claim checks say of the card.
        budget: Minutes that trainings may take.

    Raises:
        InputError: No seed is complete, the run is a rehearsal, or its model or rows are no longer there.
    """
    audit = judge_runs(card, run, claims)
    if audit.rehearsal:
        raise InputError(f"{run} is a rehearsal, which says nothing of the claims; `replicard reproduce {run.card}`")
    gaps = tuple(index for index in _comparable(card, audit) if _is_gap(card, audit, index))
    empty = Explained(card_id=card.id, run_id=run.id, gaps=gaps, tried=0, untried=(), explanations=())
    if not gaps:
        return empty
    case = _case(card, run, audit)
    base = _mean([case.measure(sample) for sample in case.samples])
    noise = {index: _noise(card, audit, index) for index in case.claims}
    ends = time.monotonic() + 60 * budget
    found, untried, tried = [], [], 0
    with progress.stage("explain"):
        for name in _by_cost():
            hypothesis = plugins.hypothesis(name)
            trials = list(hypothesis.trials(case))
            for trial in trials:
                left = (ends - time.monotonic()) / 60
                if hypothesis.COST == "training" and _minutes(run) > left:
                    untried.append(f"{trial.what}: trains for about {_minutes(run):.3g} minutes; --budget")
                    continue
                values = {**base, **_mean(trial.values())}
                tried += 1
                one = _weigh(card, gaps, base, values, noise, hypothesis.PRIOR / len(trials))
                if one is not None:
                    reaches, chance, odds = one
                    found.append(
                        Explanation(
                            hypothesis=name, what=trial.what, values=values, reaches=reaches, chance=chance, odds=odds
                        )
                    )
    found.sort(key=lambda one: -one.odds)
    return empty.model_copy(update={"tried": tried, "untried": tuple(untried), "explanations": tuple(found)})


def _by_cost() -> list[str]:
    names = plugins.names("hypotheses")
    return sorted(names, key=lambda name: COSTS.index(plugins.hypothesis(name).COST))


def _comparable(card: Card, audit: Audit) -> list[int]:
    """The claims that were compared and are about the end of the training, on the scored split."""
    return [
        index
        for index, finding in enumerate(audit.findings)
        if finding.mean is not None
        and finding.verdict not in ("not comparable", "not run")
        and card.claims[index].split in (None, audit.split)
        and card.claims[index].epoch is None
        and card.claims[index].step is None
        and (card.claims[index].metric == "loss" or card.claims[index].metric in plugins.names("metrics"))
    ]


def _is_gap(card: Card, audit: Audit, index: int) -> bool:
    """Whether a claim is not reproduced; of one seed alone, where also the sampling of its rows does not reach it."""
    finding, number = audit.findings[index], card.claims[index].number
    if finding.verdict in ("lower", "higher"):
        return True
    if finding.verdict != "inconclusive" or finding.mean is None:
        return False
    low, high = number.low, number.value + 2 * number.half_width
    away = max(low - finding.mean, finding.mean - high, 0.0)
    noise = _noise(card, audit, index)
    return away > max(card.evaluation.margin, _INSIDE * noise)


def _noise(card: Card, audit: Audit, index: int) -> float:
    """Standard deviation of a reported value around our mean; of one seed, the sampling of its rows stands in."""
    finding, claim = audit.findings[index], card.claims[index]
    values = finding.values
    least = 0.5 / audit.rows if claim.metric in SHARES else 1e-6
    if len(values) > 1:
        return max(stdev(values) * math.sqrt(1 + 1 / len(values)), least)
    if claim.sd is not None:
        return max(claim.sd, least)
    sampling = (finding.interval[1] - finding.interval[0]) / (2 * _INSIDE) if finding.interval else 0.0
    return max(sampling, least)


def _weigh(
    card: Card,
    gaps: Sequence[int],
    base: Mapping[int, float],
    values: Mapping[int, float],
    noise: Mapping[int, float],
    prior: float,
) -> tuple[tuple[int, ...], float, float] | None:
    """What a hypothesis reaches, by how much chance, and its odds against an unknown cause; null where it reaches none.

    The likelihood of a written number given a value is a mixture: its very digits (the same model was scored), the mass
    of a normal distribution of seed noise over what is written so, and anything at all. An unknown cause gives anything
    for the gaps and leaves the other claims as they are.
    """
    reached, chance, odds = [], 1.0, math.log(prior)
    for index, value in values.items():
        number, sd = card.claims[index].number, noise[index]
        low, high = number.low, number.value + 2 * number.half_width
        span = 1.0 if card.claims[index].metric in SHARES else max(2.0, 2 * number.value)
        width = min(1.0, (high - low) / span)
        unknown = width if index in gaps else _likelihood(base[index], low, high, width, sd)
        odds += math.log(_likelihood(value, low, high, width, sd) / unknown)
        nearer = _apart(value, low, high) < _apart(base[index], low, high)
        if index in gaps and nearer and _apart(value, low, high) <= _INSIDE * sd:
            reached.append(index)
            chance *= min(1.0, (high - low + 2 * _INSIDE * sd) / span)
    return (tuple(reached), chance, math.exp(min(odds, 700.0))) if reached else None


def _apart(value: float, low: float, high: float) -> float:
    return max(low - value, value - high, 0.0)


def _likelihood(value: float, low: float, high: float, width: float, sd: float) -> float:
    digits = 1.0 if low - 1e-9 <= value <= high + 1e-9 else 0.0
    normal = NormalDist(value, sd)
    return SAME_MODEL * digits + SAME_RECIPE * (normal.cdf(high) - normal.cdf(low)) + OTHER * width


def _mean(values: Sequence[Mapping[int, float]]) -> dict[int, float]:
    """The mean of each claim over seeds; what is undefined for one of them is left out."""
    means = {index: fmean(one[index] for one in values) for index in values[0]}
    return {index: mean for index, mean in means.items() if math.isfinite(mean)}


def _minutes(run: Run) -> float:
    """What training a seed and scoring it took."""
    record = read_record(seeds_of(run)[0], Record)
    assert record.training is not None and record.evaluation is not None
    return (record.training.seconds + record.evaluation.seconds) / 60


def _case(card: Card, run: Run, audit: Audit) -> Case:
    runs = seeds_of(run)
    records = [read_record(one, Record) for one in runs]
    claims = {index: card.claims[index] for index in _comparable(card, audit)}
    first, record = runs[0], records[0]
    parts = cache(partial(_parts, first))
    return Case(
        card=card,
        claims=claims,
        samples=[_kept(card, one) for one in runs],
        logs=[one.training.log for one in records if one.training is not None],
        measure=partial(_measure, card, claims),
        again=cache(partial(_again, first, parts)),
        shared=partial(_shared, record, parts),
        train=cache(partial(_train, card, first)),
    )


def _kept(card: Card, run: Run) -> Sample:
    """The rows that a seed has scored."""
    import numpy as np
    import pyarrow.parquet as pq

    table = pq.read_table(run.predictions)
    chances = np.stack([table[f"probability_{label}"].to_numpy() for label in card.task.labels], axis=1)
    return _sample(card, table["label"].to_numpy(), chances)


def _sample(card: Card, labels: NDArray[np.int64], chances: NDArray[np.float64]) -> Sample:
    import numpy as np

    return Sample(labels, chances.argmax(axis=1), np.ones_like(labels), chances, card.task.positive_index)


def _measure(
    card: Card, claims: Mapping[int, Claim], sample: Sample, averaging: Averaging | None = None
) -> dict[int, float]:
    """What scored rows give of each claim."""
    import numpy as np

    assert sample.probabilities is not None
    values = {}
    for index, claim in claims.items():
        if claim.metric == "loss":
            chances = sample.probabilities[np.arange(len(sample.labels)), sample.labels]
            values[index] = float(-np.log(np.clip(chances, 1e-300, None)).mean())
            continue
        declared = next((one for one in card.evaluation.metrics if one.name == claim.metric), None)
        usual = averaging_of(declared, len(card.task.labels)) if declared is not None else "positive"
        plugin = plugins.metric(claim.metric)
        rows = sample if plugin.SCORES else sample.merged()
        values[index] = float(plugin.compute(rows, averaging or claim.averaging or usual))
    return values


def _parts(run: Run) -> Any:
    """The rows of a run, by split."""
    from runner.data import load_parts

    record = read_record(run, Record)
    if not record.dataset.is_here:
        message = f"the rows of {run} are no longer here; `replicard reproduce {run.card}`"
        raise InputError(f"{message} fetches them")
    card = reproducing.card_of(record)
    return load_parts(Loaded(card, Path(f"{card.id}.yaml"), "", {}), record.dataset).splits


def _again(run: Run, parts: Callable[[], Any], split: str, length: int) -> Sample:
    """The saved model scores a split, its texts cut to so many tokens."""
    import numpy as np

    from runner import trainer
    from runner.tokens import tokenize

    card, plan, tokenizer, model = reproducing.reload(run)
    tokens = card.data.tokens.model_copy(update={"max_length": length})
    shorter = card.model_copy(update={"data": card.data.model_copy(update={"tokens": tokens})})
    rows = tokenize(parts()[split], tokenizer, shorter, "tokenize")
    worker = trainer.make_trainer(shorter, plan, model, tokenizer, run.checkpoints)
    chances = trainer.score(worker, rows, lambda done, note: None)
    return _sample(card, np.asarray(rows["label"], dtype=np.int64), chances)


def _shared(record: Record, parts: Callable[[], Any]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Of the scored rows, which texts also stand in the training split, and which stood before in their own."""
    import numpy as np

    from runner.data import TEXTS

    card, rows = reproducing.card_of(record), parts()

    def texts(split: str) -> list[tuple[str, ...]]:
        table = rows[split]
        return list(zip(*(table[name][:] for name in TEXTS if name in table.column_names), strict=True))

    trained, own = set(texts("train")), texts(card.evaluation.split)
    seen: set[tuple[str, ...]] = set()
    repeated = []
    for text in own:
        repeated.append(text in seen)
        seen.add(text)
    return np.asarray([text in trained for text in own]), np.asarray(repeated)


def _train(card: Card, run: Run, override: str) -> tuple[Sample, Sequence[Point]]:
    """Train the first seed anew with a value changed; what was trained before is only read.

    Raises:
        InputError: The card's file is not here.
    """
    file = all_cards().get(card.id)
    if file is None:
        raise InputError(f"no card {card.id!r} here to train anew; run it where its file is, or without --budget")
    loaded = plugins.load_card(file, (override, f"training.seed={run.seed}"))
    kernels = read_record(run, Record).plan.kernels
    ready = reproducing.prepare(loaded, run.root / FOLDER, Execution(kernels, accept_deviations=True))
    record = reproducing.train_and_evaluate(ready)
    assert record.training is not None
    return _kept(loaded.card, ready.run), record.training.log
