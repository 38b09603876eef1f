"""Records with fixed numbers, for tests of what is made from records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from registry.card import Card
from runner.audit import audit
from runner.record import (
    Calibration,
    CalibrationBin,
    Deviation,
    Energy,
    Estimate,
    EvaluationResult,
    ExampleResult,
    Interval,
    Latency,
    Machine,
    Plan,
    Point,
    Record,
    RocCurve,
    Rows,
    Score,
    SliceScores,
    Snapshot,
    Speed,
    TrainingResult,
)
from runner.runs import Run, write_model

CARDS = Path(__file__).parents[1] / "cards"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def score(name: str, value: float, averaging: Any = None) -> Score:
    around = Interval(low=value - 0.01, high=value + 0.01, level=0.95, method="Wilson")
    return Score(metric=name, averaging=averaging, value=value, interval=around)


def record_of(card: Card, seed: int, accuracy: float, base: Snapshot | None, dataset: Snapshot) -> Record:
    """A record with fixed numbers: what is rendered is tested here, not what is measured."""
    count = len(card.task.labels)
    averaging = "positive" if len(card.task.labels) == 2 else "macro"
    scores = tuple(
        score(m.name, accuracy, (m.averaging or averaging) if m.name in ("precision", "recall", "f1") else None)
        for m in card.evaluation.metrics
    )
    on_validation = card.evaluation.split == "validation"
    rows = Rows(train=40000, validation=10000 * on_validation, test=10000 * (not on_validation), shared_texts=123)
    deviation = Deviation(
        field="training.precision", declared="fp16", actual="fp32", cause="cpu has no fp16 training", consent=True
    )
    return Record(
        card_id=card.id,
        card_sha256="0" * 64,
        run_id="abcdefabcdef",
        seed=seed,
        started="2026-01-01T00:00:00+00:00",
        card=card.model_dump(mode="json", by_alias=True),
        base=base,
        dataset=dataset,
        versions={"python": "3.11.7", "torch": "2.13.0"},
        machine=Machine(device="cpu", name="Some CPU", count=1, memory_bytes=2**34, bf16=True, cpu_threads=2),
        kernels="reference",
        plan=Plan(
            rows=rows,
            batches=2500,
            steps=3750,
            warmup_steps=0,
            accumulation=2,
            effective_batch=32,
            device="cpu",
            precision="fp32",
            optimizer="adamw_torch",
            parameters=4_394_628,
            trainable=8_450,
            weight_bytes=1,
            adapter_bytes=1,
            gradient_bytes=1,
            optimizer_bytes=1,
            training_flops=1e15,
            here=Estimate(
                name="Some CPU",
                count=1,
                precision="fp32",
                activation_bytes=1,
                peak_bytes=5,
                memory_bytes=2**34,
                hours=None,
            ),
            declared=None,
            deviations=(deviation,),
        ),
        deviations=(deviation,),
        training=TrainingResult(
            steps=3750,
            seconds=1234.0,
            energy=Energy(
                kwh=0.0103,
                grams_co2=3.8,
                method="estimate: time × 30 W (2 cores of 12 W, 16 GiB of 0.3725 W)",
                measured=False,
                intensity=369,
                intensity_source="United States, 2023: Our World in Data and Ember",
            ),
            resumed_from=None,
            loss=0.4,
            best_step=1250 if card.training.select == "best" else None,
            log=(Point(step=1250, epoch=1.0, values={"loss": 0.5}),),
            precision="fp32",
            optimizer="AdamW",
            files={},
        ),
        evaluation=EvaluationResult(
            split=card.evaluation.split,
            rows=10000,
            scores=scores,
            loss=0.35,
            loss_interval=Interval(low=0.34, high=0.36, level=0.95, method="normal"),
            confusion=tuple(tuple(2000 + 100 * i if i == j else 300 + j for j in range(count)) for i in range(count)),
            roc=(RocCurve(label=card.task.labels[-1], area=0.5, points=((0.0, 0.0), (1.0, 1.0))),),
            calibration=Calibration(
                ece=0.031,
                by_chance=0.012,
                bins=(CalibrationBin(rows=10000, confidence=0.88, accuracy=accuracy, interval=scores[0].interval),),
            ),
            slices=(
                SliceScores(name="under 50 words", rows=0, scores=()),
                SliceScores(name="50 words and more", rows=10000, scores=scores),
            ),
            examples=tuple(
                ExampleResult(text=e.text, text_pair=e.text_pair, expected=e.label, predicted=e.label, probability=0.9)
                for e in card.examples
            ),
            seconds=10.0,
            speed=Speed(
                device="cpu",
                device_name="Some CPU",
                threads=2,
                precision="fp32",
                batch_size=card.training.eval_batch_size,
                rows_per_second=1000.0,
                tokens_per_second=234567.8,
                latency=Latency(rows=100, median_ms=4.321, p95_ms=6.54),
            ),
        ),
    )


def finished(card: Card, root: Path, accuracies: dict[int, float], hub: bool) -> Run:
    """A run with complete records and its audit."""
    revision = COMMIT if hub else "sha256:" + "1" * 64
    base = Snapshot(name=card.base.model, revision=revision, path="elsewhere", files={}) if card.base.model else None
    dataset = Snapshot(name=card.data.dataset, revision=revision, path="elsewhere", files={})
    for seed, accuracy in accuracies.items():
        run = Run(root, card.id, "abcdefabcdef", seed)
        write_model(run.record, record_of(card, seed, accuracy, base, dataset))
    audit(card, run)
    return run
