"""The shipped corpora: reproducible to the byte, balanced, free of leaks, neither trivial nor noise."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest

DATA = Path(__file__).resolve().parents[1] / "cards" / "data"
CORPORA = ("reviews", "topics", "pairs")
SPLITS = ("train", "test")
LABELS = {
    "reviews": {"negative", "positive"},
    "topics": {"World", "Sports", "Business", "Sci/Tech"},
    "pairs": {"agrees", "contradicts"},
}
HUB_LIMIT_BYTES = 950_000


def rows(corpus: str, split: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (DATA / corpus / f"{split}.jsonl").read_text("utf-8").splitlines()]


def texts(corpus: str, split: str) -> list[str]:
    return [" ".join(row[name] for name in ("text", "text_pair") if name in row) for row in rows(corpus, split)]


def labels(corpus: str, split: str) -> list[str]:
    return [row["label"] for row in rows(corpus, split)]


def share(corpus: str, pattern: str) -> float:
    found = [bool(re.search(pattern, text, re.IGNORECASE)) for text in texts(corpus, "train")]
    return sum(found) / len(found)


def bag_of_words_accuracy(corpus: str) -> float:
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(CountVectorizer(), LogisticRegression(C=0.3, max_iter=500))
    model.fit(texts(corpus, "train"), labels(corpus, "train"))
    return float(model.score(texts(corpus, "test"), labels(corpus, "test")))


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("corpus_generate", DATA / "generate.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("hash_seed", ["0", "7"])
def test_regenerating_gives_the_shipped_bytes_whatever_the_hash_seed(hash_seed: str) -> None:
    command = [sys.executable, str(DATA / "generate.py"), "--check"]
    done = subprocess.run(
        command, check=False, env={**os.environ, "PYTHONHASHSEED": hash_seed}, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_check_names_a_file_that_differs(
    generate: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate, "HERE", tmp_path)
    generate.main([])
    (tmp_path / "topics" / "test.jsonl").write_bytes(b"")
    code = generate.main(["--check"])
    assert (code, capsys.readouterr().err.split(":")[0]) == (1, "topics/test.jsonl")


@pytest.mark.parametrize("corpus", CORPORA)
@pytest.mark.parametrize("split", SPLITS)
def test_labels_are_balanced_within_one_percent(corpus: str, split: str) -> None:
    counts = Counter(labels(corpus, split))
    assert set(counts) == LABELS[corpus]
    assert max(counts.values()) - min(counts.values()) <= 0.01 * counts.total()


@pytest.mark.parametrize("corpus", CORPORA)
@pytest.mark.parametrize("split", SPLITS)
def test_rows_are_not_sorted_by_label(corpus: str, split: str) -> None:
    found = labels(corpus, split)
    changes = sum(a != b for a, b in pairwise(found))
    assert changes > 0.4 * len(found)


@pytest.mark.parametrize("corpus", CORPORA)
def test_no_text_is_repeated_within_or_across_files(corpus: str) -> None:
    every = [text for split in SPLITS for text in texts(corpus, split)]
    assert len(set(every)) == len(every)


@pytest.mark.parametrize("corpus", CORPORA)
def test_held_out_words_occur_in_test_and_never_in_train(corpus: str, generate: ModuleType) -> None:
    tables = {"reviews": generate.REVIEW_TABLES, "topics": generate.TOPIC_TABLES, "pairs": generate.PAIR_TABLES}[corpus]
    held_out = [word.lower() for table in tables.values() for word in table.held_out]
    train, test = (" ".join(texts(corpus, split)).lower() for split in SPLITS)
    assert len(held_out) > 5
    assert [word for word in held_out if word in train or word not in test] == []


def test_a_share_of_the_reviews_negates() -> None:
    negated = share("reviews", r"\b(is not|not a|never|anything but|hardly|far from)\b")
    assert 0.08 < negated < 0.35


def test_a_share_of_the_reviews_contrasts_two_clauses() -> None:
    contrasted = share("reviews", r", (but|yet) |\balthough\b|\beven if\b")
    assert 0.3 < contrasted < 0.7


@pytest.mark.parametrize("split", SPLITS)
def test_both_length_bands_of_the_words_slice_hold_enough_reviews(split: str) -> None:
    lengths = [len(text.split()) for text in texts("reviews", split)]
    assert sum(n >= 50 for n in lengths) >= 100
    assert sum(n < 50 for n in lengths) >= 100
    assert 8 <= min(lengths) <= max(lengths) <= 110


@pytest.mark.parametrize("corpus", CORPORA)
@pytest.mark.parametrize("split", SPLITS)
def test_files_stay_small(corpus: str, split: str) -> None:
    assert (DATA / corpus / f"{split}.jsonl").stat().st_size < HUB_LIMIT_BYTES


@pytest.mark.parametrize("corpus", CORPORA)
@pytest.mark.parametrize("split", SPLITS)
def test_the_dataset_card_states_the_row_counts(corpus: str, split: str) -> None:
    card = (DATA / corpus / "README.md").read_text("utf-8")
    stated = re.search(rf"^\| `{split}\.jsonl` \| (\d+) \|", card, re.MULTILINE)
    assert stated
    assert int(stated[1]) == len(rows(corpus, split))


@pytest.mark.parametrize(("corpus", "chance", "ceiling"), [("reviews", 0.5, 0.82), ("topics", 0.25, 0.94)])
def test_counting_words_beats_chance_but_does_not_solve_the_task(corpus: str, chance: float, ceiling: float) -> None:
    assert chance + 0.12 < bag_of_words_accuracy(corpus) < ceiling


@pytest.mark.parametrize("column", ["text", "text_pair"])
@pytest.mark.parametrize("split", SPLITS)
def test_one_text_of_a_pair_says_nothing_about_the_label(column: str, split: str) -> None:
    found: dict[str, Counter[str]] = {}
    for row in rows("pairs", split):
        found.setdefault(row[column], Counter())[row["label"]] += 1
    assert len(found) > 90
    assert [text for text, counts in found.items() if counts["agrees"] != counts["contradicts"]] == []


@pytest.mark.parametrize("split", SPLITS)
def test_a_statement_agrees_where_the_report_has_its_colour(split: str, generate: ModuleType) -> None:
    colours = set(generate.PAIR_TABLES["colour"].known)
    for row in rows("pairs", split):
        report, statement = (colours & set(re.findall(r"\w+", row[name].lower())) for name in ("text", "text_pair"))
        assert (len(report), len(statement)) == (1, 1), row
        assert (row["label"] == "agrees") == (statement == report), row
