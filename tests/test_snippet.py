"""The code in a README runs against the saved model and gives what the run gave."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from conftest import CARD, on_base

from runner import audit, rendering

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from registry.loading import Loaded
    from runner.record import Record
    from runner.reproducing import Ready

LORA = {"type": "lora", "r": 2, "target_modules": ["query", "value"]}
LLAMA_LORA = {"type": "lora", "r": 2, "target_modules": ["q_proj", "v_proj"]}
FOUR_BIT = {"type": "bitsandbytes", "bits": 4, "quant_type": "nf4", "double_quant": True}
EIGHT_BIT = {"type": "bitsandbytes", "bits": 8}


def run_snippets(page: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Run all Python code of a README in its folder, one block after the other; the classifiers that each makes."""
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    monkeypatch.chdir(page.parent)
    names: dict[str, Any] = {}
    made = []
    for block in blocks:
        exec(block, names)
        made.append(names["classifier"])
    return made


@pytest.mark.parametrize(
    ("shape", "adapter", "quantization"),
    [
        ("bert", None, None),
        ("bert", LORA, None),
        ("bert", LORA, FOUR_BIT),
        ("bert", LORA, EIGHT_BIT),
        ("llama", None, None),
        ("llama", LLAMA_LORA, FOUR_BIT),
        (None, LORA, FOUR_BIT),
    ],
)
def test_the_snippet_of_the_readme_gives_the_probabilities_of_the_run(
    shape: str | None,
    adapter: dict[str, Any] | None,
    quantization: dict[str, Any] | None,
    base_repo: Callable[..., Any],
    reviews: Callable[..., list[dict[str, Any]]],
    write_rows: Callable[..., Any],
    write_card: Callable[..., Loaded],
    prepare: Callable[..., Ready],
    reproduce: Callable[..., Record],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_rows(train=reviews(48), test=reviews(16, 1))
    text = {"text": "the film was superb and very moving", "label": "positive"}
    # bitsandbytes packs 4-bit weights for a CPU in blocks of 32.
    wide = {"hidden_size": 64, "intermediate_size": 64}
    if shape is None:
        base = {"architecture": {**CARD["base"]["architecture"], **wide}}
    else:
        base_repo(shape, **wide)
        base = on_base(shape)
    loaded = write_card(
        base=base, adapter=adapter, quantization=quantization, examples=[text], training={"learning_rate": 1e-2}
    )
    ready = prepare(loaded)
    record = reproduce(loaded)
    page = rendering.render(loaded.card, ready.run, audit.audit(loaded.card, ready.run))
    classifier, *merged = run_snippets(page, monkeypatch)
    said = classifier(text["text"], truncation=True)[0]
    assert len(merged) == (adapter is not None and quantization is None)
    for other in merged:
        assert other(text["text"], truncation=True)[0]["score"] == pytest.approx(said["score"], abs=1e-5)
    assert record.evaluation
    ran = record.evaluation.examples[0]
    assert said["label"] == ran.predicted
    # On a CPU with bf16, bitsandbytes computes 4-bit products of a loaded model in that type.
    assert said["score"] == pytest.approx(ran.probability, abs=1e-3 if quantization else 1e-6)
    assert ran.predicted in capsys.readouterr().out


@pytest.mark.parametrize("shape", ["bert", None])
def test_the_snippet_of_a_card_of_pairs_gives_the_probabilities_of_the_run(
    shape: str | None,
    base_repo: Callable[..., Any],
    pairs: Callable[..., list[dict[str, Any]]],
    write_rows: Callable[..., Any],
    write_card: Callable[..., Loaded],
    prepare: Callable[..., Ready],
    reproduce: Callable[..., Record],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_rows(train=pairs(48), test=pairs(16, 1))
    pair = {"text": "the film was superb", "text_pair": 'a very "dull" plot', "label": "negative"}
    if shape is not None:
        base_repo(shape)
    loaded = write_card(
        base=on_base(shape) if shape is not None else {},
        data={"text_pair": "text_pair"},
        examples=[pair],
        training={"learning_rate": 1e-2},
    )
    record = reproduce(loaded)
    run = prepare(loaded).run
    (classifier,) = run_snippets(rendering.render(loaded.card, run, audit.audit(loaded.card, run)), monkeypatch)
    said = classifier({"text": pair["text"], "text_pair": pair["text_pair"]})
    swapped = classifier({"text": pair["text_pair"], "text_pair": pair["text"]})
    assert record.evaluation
    ran = record.evaluation.examples[0]
    assert (said["label"], ran.text_pair) == (ran.predicted, pair["text_pair"])
    assert said["score"] == pytest.approx(ran.probability, abs=1e-6)
    assert swapped["score"] != pytest.approx(ran.probability, abs=1e-6)
    assert str(said["score"])[:6] in capsys.readouterr().out
