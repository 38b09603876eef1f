"""What the reader finds in a README, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timing import takes_less_than, timed

from registry.front_matter import front_matter
from registry.numbers import read_number
from registry.readme.metrics import named, plain_number
from registry.readme.reader import read
from runner.drafting import document_of
from runner.facts import facts

SOURCES = Path(__file__).parent.parent / "cards" / "imdb" / "sources"

TRAINER = """---
license: apache-2.0
base_model: distilbert-base-uncased
language: no
model-index:
- name: mine
  results:
  - task:
      type: text-classification
    dataset:
      name: imdb
      type: imdb
      split: train
    metrics:
    - type: accuracy
      value: 0.93124
---
<!-- This model card has been generated automatically. -->

# mine

This model is a fine-tuned version of [distilbert-base-uncased](https://huggingface.co/distilbert-base-uncased) on imdb.
It achieves the following results on the evaluation set:
- Loss: 0.2117
- Accuracy: 0.9312
- eval_runtime: 12.5
- F1: {'f1': 0.93}

### Training hyperparameters

The following hyperparameters were used during training:
- learning_rate: 2e-05
- train_batch_size: 16
- eval_batch_size: 32
- seed: 42
- gradient_accumulation_steps: 2
- total_train_batch_size: 32
- optimizer: Adam with betas=(0.9,0.999) and epsilon=1e-08
- lr_scheduler_type: linear
- lr_scheduler_warmup_ratio: 0.1
- num_epochs: 2

### Training results

| Training Loss | Epoch | Step | Validation Loss | Accuracy |
|:-------------:|:-----:|:----:|:---------------:|:--------:|
| No log        | 1.0   | 782  | 0.2301          | 0.92     |
| 0.25          | 2.0   | 1564 | 0.2117          | 0.9312   |

### Framework versions

- Transformers 4.41.2
- Pytorch 2.3.0+cu121
"""


def numbers(document):
    return [(one.metric, one.number.text, one.split) for one in document.results]


def test_the_recipe_of_a_trainer_card_is_read():
    said = read(TRAINER, "x.md")
    assert said.value("learning_rate") == 2e-5
    assert said.value("train_batch_size") == 16
    assert said.value("eval_batch_size") == 32
    assert said.value("gradient_accumulation_steps") == 2
    assert said.value("total_train_batch_size") == 32
    assert said.value("optimizer") == "adam"
    assert said.value("adam_betas") == (0.9, 0.999)
    assert said.value("adam_epsilon") == 1e-8
    assert said.value("warmup_ratio") == 0.1
    assert said.value("num_epochs") == 2
    assert said.value("framework_versions.pytorch") == "2.3.0+cu121"


def test_a_language_that_yaml_takes_for_a_boolean_stays_one():
    assert read(TRAINER, "x.md").value("language") == ("no",)


def test_the_evaluation_results_of_a_trainer_card_are_one_group_of_the_validation_split():
    first = [one for one in read(TRAINER, "x.md").results if one.dataset is None]
    assert [(one.metric, one.number.text, one.split, one.headline) for one in first] == [
        ("loss", "0.2117", "validation", True),
        ("accuracy", "0.9312", "validation", True),
    ]
    assert len({one.group for one in first}) == 1


def test_the_model_index_repeats_no_headline():
    last = read(TRAINER, "x.md").results[-1]
    assert (last.number.text, last.dataset, last.headline) == ("0.93124", "imdb", False)


def test_an_epoch_table_keeps_its_rows_and_leaves_out_what_was_not_logged():
    (table,) = read(TRAINER, "x.md").tables
    assert table.split == "validation"
    assert [(row.epoch.value, row.step.value) for row in table.rows] == [(1.0, 782.0), (2.0, 1564.0)]
    assert sorted(table.rows[0].cells) == ["accuracy", "loss"]
    assert table.rows[1].cells["train_loss"].value == 0.25


def test_a_card_that_lost_its_line_breaks_says_the_same():
    flat = read(TRAINER.replace("\n", " "), "x.md")
    whole = read(TRAINER, "x.md")
    assert {(fact.name, fact.value) for fact in flat.facts} == {(fact.name, fact.value) for fact in whole.facts}
    assert numbers(flat) == numbers(whole)
    assert [[row.cells for row in table.rows] for table in flat.tables] == [
        [row.cells for row in table.rows] for table in whole.tables
    ]


@pytest.mark.parametrize(
    "change", [lambda t: "\ufeff" + t, lambda t: t.replace("\n", "\r\n"), lambda t: t + "\x00\ud800"]
)
def test_marks_line_ends_and_broken_characters_change_nothing(change):
    document = read(change(TRAINER), "x.md")
    assert document.value("learning_rate") == 2e-5
    assert document.value("license") == "apache-2.0"
    assert len(document.tables[0].rows) == 2


def test_words_stand_where_the_place_says():
    document = read(TRAINER, "x.md")
    fact = document.fact("learning_rate")
    assert TRAINER[fact.place.start : fact.place.end] == fact.text == "learning_rate: 2e-05"
    line, column = map(int, fact.place.where.split(":")[1:])
    assert TRAINER.split("\n")[line - 1][column - 1 :] == "learning_rate: 2e-05"


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        ("It was fine-tuned for three epochs with a learning rate of 2e-5.", "num_epochs", 3),
        ("It was fine-tuned for three epochs with a learning rate of 2e-5.", "learning_rate", 2e-5),
        ("Trained with a batch size of 16 (accumulated over 2 steps).", "train_batch_size", 16),
        ("Trained with a batch size of 16 (accumulated over 2 steps).", "gradient_accumulation_steps", 2),
        ("- **Learning Rate**: 3e-5", "learning_rate", 3e-5),
        ("- Learning rate: 5×10⁻⁵", "learning_rate", 5e-5),
        ("The AdamW optimizer was used, with a linear schedule for training.", "optimizer", "adamw"),
        ("| Parameter | Value |\n|---|---|\n| Learning rate | 1e-5 |\n| Epochs | 12 |", "num_epochs", 12),
        ("<table><tr><th>Parameter</th><th>Value</th></tr><tr><td>Learning rate</td><td>1e-5</td></tr></table>",
         "learning_rate", 1e-5),
        ("## Training\n```python\nargs = TrainingArguments(learning_rate=2e-5, num_train_epochs=3)\n```",
         "num_epochs", 3),
        ("## Training\n```python\nBATCH = 8\nf(lr=1e-5, per_device_train_batch_size=BATCH * 2)\n```",
         "train_batch_size", 16),
        ("## Training\n```python\nEPOCHS = 3\nf(lr=1e-5, num_train_epochs=EPOCHS)\n```", "num_epochs", 3),
        ("## Training\n```python\nf(lr=5 * 10 ** -5)\n```", "learning_rate", 5e-5),
        ("## Training\n```bash\npython run.py --learning_rate 3e-5 --per_gpu_train_batch_size 8 --fp16\n```",
         "mixed_precision", "fp16"),
        ("## LoRA configuration\n- r: 16\n- lora_alpha: 32\n- learning rate: 1e-4", "adapter.r", 16),
        ("The following quantization config was used during training:\n- load_in_4bit: True\n"
         "- bnb_4bit_quant_type: nf4", "quantization.type", "nf4"),
        ("Training took 5 hours on a single NVIDIA A100 GPU.", "training_time_hours", 5),
        ("Training took 5 hours on a single NVIDIA A100 GPU.", "hardware.accelerator", "NVIDIA A100"),
        ("Training took 5 hours on a single NVIDIA A100 GPU.", "hardware.count", 1),
        ("- Training Set: 25,000 labeled reviews", "rows.train", 25000),
        ("There are 25,000 training samples and 5,000 test samples.", "rows.test", 5000),
        ("It was trained with 5e-5 learning rate, 15 epochs, 128 maximum sequence length and 64 batch size.",
         "num_epochs", 15),
        ("It was trained with 5e-5 learning rate, 15 epochs, 128 maximum sequence length and 64 batch size.",
         "max_length", 128),
        ("It was trained with 5e-5 learning rate, 15 epochs, 128 maximum sequence length and 64 batch size.",
         "train_batch_size", 64),
        ("It was trained for 200,000 iterations or about 98 epochs.", "num_epochs", 98),
        ("We ran 4 epochs of fine-tuning.", "num_epochs", 4),
        ("It was trained for 420 billion tokens over 400,000 steps.", "max_steps", 400_000),
        ("Trained on 39 pictures, 3000 steps", "max_steps", 3000),
        ("## Training\n#### Epochs: **40**", "num_epochs", 40),
        ("## Fit\n```\n{\n    \"epochs\": 1,\n    \"optimizer_class\": \"<class 'torch.optim.adamw.AdamW'>\"\n}\n```",
         "optimizer", "adamw"),
        ("## Training\n```\nmax_epoch: 9\noptim_conf:\n    lr: 1.0\nscheduler: noamlr\n```", "lr_scheduler", "noam"),
        ("## Usage\nRun it.\n### Training hyperparameters\n- seed: 7", "seed", 7),
        ("## Training\n| Name | Value |\n|---|---|\n| name | Adam |\n| learning_rate | 3e-3 |", "optimizer", "adam"),
        ("## Training\n- Learning rate: 0.1\n- Max length of input: 64", "max_length", 64),
        ("## Training\n- Learning rate: 0.1\n- Device: NVIDIA Tesla T4", "hardware.accelerator", "NVIDIA Tesla T4"),
        ("### Training hyperparameters\n| name | optimizer | training_precision |\n|---|---|---|\n"
         "| SWA | {'class_name': 'Adam', 'config': {'learning_rate': 1e-04, 'beta_1': 0.9}} | float32 |",
         "learning_rate", 1e-4),
    ],
)  # fmt: skip
def test_a_stated_value_is_read(words, name, value):
    assert read(f"# Model\n\n{words}\n", "x.md").value(name) == value


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("- Learning rate: 1e-5 to 5e-5", "learning_rate"),
        ("- Batch size: 8, 16 or 32", "train_batch_size"),
        ("- Batch size: 4 x 8", "train_batch_size"),
        ("We recommend a learning rate of 2e-5.", "learning_rate"),
        ("BERT was pretrained for 40 epochs with a batch size of 256.", "num_epochs"),
        ("## How to fine-tune it further\n- learning_rate: 2e-5", "learning_rate"),
        ("## Usage\n```python\nTrainingArguments(learning_rate=2e-5, num_train_epochs=3)\n```", "num_epochs"),
        ("The best epoch was 3; training stopped after 5 epochs.", "num_epochs"),
        ("## Usage\nUse a maximum length of 128.", "max_length"),
        ("The audio has a maximum length of 20 seconds.", "max_length"),
        ("- **Learning rate:** [More Information Needed]", "learning_rate"),
        ("- **Cloud Provider:** More information needed", "hardware.provider"),
        (
            "## Training\n```python\nBATCH = 8\nf(lr=1e-5, per_device_train_batch_size=BATCH * n)\n```",
            "train_batch_size",
        ),
        ("## Training\n```python\nf(lr=9 ** 9 ** 9)\n```", "learning_rate"),
        ("The calibration's sampling size 300 isn't divisible by batch size 8.", "train_batch_size"),
        ("So for fine-tuning on a single GPU it was converted.", "hardware.count"),
        ("## Training\n- duration: 1841.46", "training_time_hours"),
        ("It was trained for just under 1 epoch on one part and about 1.5 epochs on the other.", "num_epochs"),
        ("## Training\n#### Epochs: 40 or 80", "num_epochs"),
        ("## Training\n| Name | Value |\n|---|---|\n| name | my-adam-model |\n| learning_rate | 3e-3 |", "optimizer"),
        ("## Training\n```yaml\nlearning_rate: 0.0003\nepsilon: 0.2\n```", "adam_epsilon"),
        ("Fine-tuned from roberta-large.\n\n### About RoBERTa Large model\nIt was trained for 4 epochs.", "num_epochs"),
    ],
)
def test_what_is_no_value_of_this_model_is_left_alone(words, name):
    assert read(f"# Model\n\n{words}\n", "x.md").value(name) is None


def test_settings_of_four_bits_are_not_in_effect_where_eight_are_loaded():
    words = "## Training procedure\n- load_in_8bit: True\n- load_in_4bit: False\n- bnb_4bit_quant_type: fp4\n"
    document = read(words, "x.md")
    assert document.value("quantization.bits") == 8
    assert document.value("quantization.type") is None


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("It gets **98.08%** accuracy on the test set.", [("accuracy", "98.08%", "test")]),
        ("It achieved an accuracy of 92.68% on the validation set.", [("accuracy", "92.68%", "validation")]),
        ("Test Loss: 0.13 Test Accuracy: 0.96 Precision: 0.95",
         [("loss", "0.13", "test"), ("accuracy", "0.96", "test"), ("precision", "0.95", "test")]),
        ("## Results\n| Set | Accuracy |\n|---|---|\n| validation | 81.4 |\n| test | 81.7 |",
         [("accuracy", "81.4", "validation"), ("accuracy", "81.7", "test")]),
        ("The accuracy on all sets is:\n\n- **Training**: 0.9994\n- **Validation**: 0.9859\n- Test: 98%",
         [("accuracy", "0.9994", "train"), ("accuracy", "0.9859", "validation"), ("accuracy", "98%", "test")]),
        ("## Results\n| Metric | Value |\n|---|---|\n| eval_f1 | 0.91 |\n| train_runtime | 12.4 |",
         [("f1", "0.91", "validation")]),
        ("## Evaluation\n- Accuracy: 0.91", [("accuracy", "0.91", None)]),
        ("## Evaluation\nThe model can be evaluated as follows on the Finnish test data of it.\n\n**WER**: 14.29%",
         [("wer", "14.29%", "test")]),
        ("### Accuracy:\nWe reach 93.98% for validation dataset, and 91.92% for test dataset.",
         [("accuracy", "93.98%", "validation"), ("accuracy", "91.92%", "test")]),
        ("It reaches an accuracy of 91.3% on the dev set (for comparison, BERT reaches an accuracy of 92.7%).",
         [("accuracy", "91.3%", "validation")]),
        ("## Scores\n| | A | Micro-Avg |\n|---|---|---|\n| Precision | 8% | 7% |\n| Recall | 1% | 2% |",
         [("precision", "7%", None), ("recall", "2%", None)]),
        ("## Scores\n| | Validation | Test |\n|---|---|---|\n| F1 | 0.8 | 0.7 |",
         [("f1", "0.8", "validation"), ("f1", "0.7", "test")]),
        ("| testset | BLEU | chr-F |\n|---|---|---|\n| News | 37.8 | 0.6 |",
         [("bleu", "37.8", "test"), ("chrf", "0.6", "test")]),
        ("## MLQA DEV\nEM: 64.27", [("exact_match", "64.27", "validation")]),
        ("### Accuracy\n| Type | Score |\n|---|---|\n| `ENTS_F` | 62.12 |\n| `NER_LOSS` | 38227.81 |",
         [("f1", "62.12", None)]),
        ("## Results\n| Model | P | R | F |\n|---|---|---|---|\n| this | 0.9 | 0.8 | 0.85 |",
         [("precision", "0.9", None), ("recall", "0.8", None), ("f1", "0.85", None)]),
        ("## Scores\n| | ROUGE-1 | ROUGE-L |\n|---|---|---|\n| BART | 44.1 | 40.9 |\n| Ours | 47.7 | 44.5 |",
         [("rouge1", "47.7", None), ("rougeL", "44.5", None)]),
        ("## Metrics\n- R2: 0.68\n- Explained Variance: 0.69",
         [("r2", "0.68", None), ("explained_variance", "0.69", None)]),
        ("### Results:\n```yaml\nsi_sdr: 16.2\nsar_imp: -131.9\n```",
         [("si_sdr", "16.2", None), ("sar_imp", "-131.9", None)]),
        ("It is a tagger (with 73.71\\% Entity-Level F1).", [("f1", "73.71%", None)]),
        ("**Metrics of the model:**\n\naccuracy           0.715467\n\nf1_macro           0.596625",
         [("accuracy", "0.715467", None), ("f1", "0.596625", None)]),
        ("It has a top1-accuracy of 82.6% and a top-5 accuracy of 96.5% on the evaluation set.",
         [("accuracy", "82.6%", "validation"), ("top_5_accuracy", "96.5%", "validation")]),
        ("## Results\n| P@1 | MRR | NDCG@10 |\n|---|---|---|\n| 10.81 | 18.15 | 24.47 |",
         [("p@1", "10.81", None), ("mrr", "18.15", None), ("ndcg@10", "24.47", None)]),
        ("The test accuracy of the model is 83.57%.", [("accuracy", "83.57%", "test")]),
        ("## How to use\nSee the paper.\n- validation_loss: 0.458\n- validation_acc : 0.866",
         [("loss", "0.458", "validation"), ("accuracy", "0.866", "validation")]),
    ],
)  # fmt: skip
def test_a_reported_result_is_read(words, expected):
    assert numbers(read(f"# Model\n\n{words}\n", "x.md")) == expected


@pytest.mark.parametrize(
    "words",
    [
        "It is better than the baseline accuracy of 81.2%.",
        "A random guess has an accuracy of 0.5.",
        "## Comparison\n| Model | Accuracy |\n|---|---|\n| BERT | 0.91 |\n| RoBERTa | 0.93 |",
        "| Model | Accuracy |\n|---|---|\n| BERT | 0.91 |\n| RoBERTa | 0.93 |",
        "| Class | Precision | Recall | Support |\n|---|---|---|---|\n| a | 0.91 | 0.92 | 50 |\n| b | 0.9 | 0.8 | 20 |",
        "## Usage\n```\n{'label': 'positive', 'accuracy': 0.9998}\n```",
        "BERT has an accuracy of 91.2% and RoBERTa an accuracy of 93.1%.",
        "- Accuracy: 85-90%",
        "E.g. a classifier that always says no has an accuracy of 91.2%.",
        "Always saying no would reach an accuracy of 91.2%.",
        "The sets are:\n- Training: 0.8\n- Test: 0.2",
        "Accuracy and recall:\n- Training: 0.8\n- Test: 0.2",
        "1) Tagging with spaCy Accuracy: **0.911**",
        "loss: 0.3 accuracy: 0.91\nloss: 0.2 accuracy: 0.92\nloss: 0.1 accuracy: 0.93",
        "## How to use\n- accuracy: 0.866",
    ],
)
def test_what_is_no_result_of_this_model_is_left_alone(words):
    assert read(f"# Model\n\n{words}\n", "x.md").results == ()


@pytest.mark.parametrize(("rows", "read_as"), [
    (["Negative | 0.90 | 0.88"], []),
    (["Negative | 0.90 | 0.88", "Positive | 0.88 | 0.91"], []),
    (["Negative | 0.90 | 0.88", "Positive | 0.88 | 0.91", "Overall | 0.89 | 0.90"], ["0.89", "0.90"]),
    (["Overall | 0.89 | 0.90"], ["0.89", "0.90"]),
])  # fmt: skip
def test_rows_of_classes_are_no_results_of_the_model_and_the_overall_one_is(rows, read_as):
    table = "\n".join(f"| {row} |" for row in ["Class | Precision | Recall", "---|---|---", *rows])
    assert [one.number.text for one in read(f"# m\n## Results\n{table}\n", "x.md").results] == read_as


def test_a_classification_report_gives_its_averages_with_their_rows():
    report = """## Evaluation on the test set
```
              precision    recall  f1-score   support
           0       1.00      0.85      0.92        33
    accuracy                           0.87      3917
   macro avg       0.82      0.79      0.80      3917
```
"""
    found = [(one.metric, one.averaging, one.number.text, one.rows, one.split) for one in read(report, "x.md").results]
    assert found == [
        ("accuracy", None, "0.87", 3917, "test"),
        ("precision", "macro", "0.82", 3917, "test"),
        ("recall", "macro", "0.79", 3917, "test"),
        ("f1", "macro", "0.80", 3917, "test"),
    ]


def test_the_errors_that_sclite_counts_are_rates_of_its_heading():
    head = "|dataset|Snt|Wrd|Corr|Sub|Del|Ins|Err|S.Err|\n|---|---|---|---|---|---|---|---|---|\n"
    rates = "|beam5_valid.acc.ave/test|9|99|76.6|16.7|6.7|3.8|27.1|72.4|\n"
    text = f"### WER\n{head}{rates}### Speed\n{head}{rates}"
    assert numbers(read(text, "x.md")) == [("wer", "27.1", "test")]


def test_of_columns_of_models_the_one_that_the_title_names_is_this_model_s():
    rows = "| **Accuracy (eval-f1)** | 0.90 | 0.91 |\n| Model size (MB) | 1 | 4 |"
    text = f"# INT8 mini\n### Result\n| | INT8 | FP32 |\n|---|---|---|\n{rows}\n"
    assert numbers(read(text, "x.md")) == [("f1", "0.90", "validation")]
    assert numbers(read(text.replace("# INT8", "# Quantized"), "x.md")) == []


def own_row(title, rows):
    head = "| Model | WikiText PPL | Lambada PPL | Lambada Acc | Loc F1 |\n|---|---|---|---|---|"
    return f"# {title}\n## Comparison with other models\n{head}\n{rows}\n"


def test_of_rows_of_models_the_one_that_the_title_names_is_this_model_s():
    rows = "| Mini-2 | 9.1 | 8.1 | 50% | 0.7 |\n| **Maxi-Model 2.7B** | **5.6** | **4.6** | 62% | 0.8 |"
    document = read(own_row("Maxi-Model 2.7B for stories", rows), "x.md")
    found = [(one.metric, one.number.text, one.dataset, one.headline) for one in document.results]
    assert found == [
        ("perplexity", "5.6", "WikiText", False), ("perplexity", "4.6", "Lambada", False),
        ("accuracy", "62%", "Lambada", False),
    ]  # fmt: skip


@pytest.mark.parametrize("title", ["Somebody's model", "Maxi", "A study of models"])
def test_without_a_row_of_that_name_no_model_of_a_comparison_is_this_one(title):
    rows = "| Mini-2 | 9.1 | 8.1 | 50% | 0.7 |\n| Maxi | 5.6 | 4.6 | 62% | 0.8 |"
    assert read(own_row(title, rows), "x.md").results == ()


def test_a_metric_in_brackets_behind_data_is_that_data_s():
    head = "| Task | STS (Pearson) | Test NER (F1) |\n|---|---|---|\n"
    document = read(f"# Great-BERT\n{head}| Great-BERT | 0.79 | 0.88 |\n| mBERT | 0.7 | 0.8 |\n", "x.md")
    found = [(one.metric, one.dataset, one.split) for one in document.results]
    assert found == [("pearson", "STS", None), ("f1", "Test NER", "test")]


def test_beside_an_overall_score_the_scores_of_classes_are_no_columns_of_an_epoch_table():
    head = "| Step | Overall F1 | Loc F1 | Org F1 |\n|---|---|---|---|\n"
    (table,) = read(f"# M\n{head}| 500 | 0.8 | 0.7 | 0.9 |\n| 1000 | 0.9 | 0.8 | 0.9 |\n", "x.md").tables
    assert [{*row.cells} for row in table.rows] == [{"f1"}, {"f1"}]


def test_scores_of_a_kind_of_questions_are_no_headline():
    listing = '## Results\n```\n"exact": 78.25,\n"HasAns_exact": 73.61,\n"NoAns_exact": 82.88\n```\n'
    found = [(one.number.text, one.label, one.headline) for one in read(listing, "x.md").results]
    assert found == [("78.25", None, True), ("73.61", "HasAns", False), ("82.88", "NoAns", False)]


def test_a_metric_of_a_model_index_may_be_named_by_its_repository():
    text = "---\nmodel-index:\n- results:\n  - metrics:\n    - type: evaluate-metric/f1\n      value: 0.9\n---\n"
    assert [one.metric for one in read(text, "x.md").results] == ["f1"]


def test_scores_of_the_parts_of_a_pipeline_are_none_of_the_whole():
    part = "  - task: {{name: {0}}}\n    metrics:\n    - {{name: {0} Accuracy, type: accuracy, value: 0.9}}\n"
    index = "---\nmodel-index:\n- results:\n"
    assert numbers(read(f"{index}{part.format('TAG')}{part.format('POS')}---\n", "x.md")) == []
    assert numbers(read(f"{index}{part.format('NER')}---\n", "x.md")) == [("accuracy", "0.9", None)]


def test_a_metric_that_comes_twice_in_a_list_is_of_two_groups():
    document = read("## Results\n- Accuracy: 0.91\n- F1: 0.90\n- Accuracy: 0.85\n", "x.md")
    groups = [one.group for one in document.results]
    assert groups[0] == groups[1] != groups[2]


def test_an_example_is_no_measurement():
    (result,) = read("Results:\n- Accuracy on Test Set: e.g., 89.20%\n", "x.md").results
    assert result.placeholder and result.split == "test"


def test_an_example_elsewhere_in_a_sentence_makes_no_placeholder_of_its_result():
    (result,) = read("On short texts (e.g., tweets) the model reaches 91.2% accuracy.\n", "x.md").results
    assert not result.placeholder and result.number.text == "91.2%"


def test_what_the_template_leaves_open_is_a_placeholder():
    (fact,) = read("- **Hours used:** [More Information Needed]\n", "x.md").facts
    assert (fact.name, fact.status, fact.value) == ("training_time_hours", "placeholder", None)


@pytest.mark.parametrize(
    ("words", "kilograms"),
    [
        ("---\nco2_eq_emissions:\n  emissions: 37.5\n---\n", 0.0375),
        ("- CO2 Emissions (in grams): 2313.4\n", 2.3134),
        ("- **Carbon Emitted:** Estimated at ~45 kg CO2eq\n", 45),
    ],
)
def test_emissions_are_read_in_their_unit(words, kilograms):
    (result,) = read(words, "x.md").results
    assert result.metric == "co2_kg"
    assert result.number.value == pytest.approx(kilograms)


def test_names_of_metrics_are_read_with_split_averaging_and_class():
    assert named("Test F1-score (macro)") == named("test_macro_f1")
    assert named("F1 Score (Positive)").label == "Positive"
    assert named("accuracy of the baseline") is None


def test_broken_front_matter_is_read_by_line():
    meta, _ = front_matter("---\nlicense: mit\nname: [unclosed\ndatasets:\n- imdb\n---\n# x\n")
    assert meta["license"].text == "mit"
    assert [one.text for one in meta["datasets"]] == ["imdb"]


def seed(name):
    return read((SOURCES / f"{name}.md").read_bytes().decode("utf-8").replace("\r\n", "\n"), name)


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("a790227-distilbert", {"learning_rate": 2e-5, "train_batch_size": 16, "num_epochs": 1, "rows.train": 25000,
                                "rows.test": 25000}),
        ("gq-llama-2-7b-imdb", {"learning_rate": 2e-4, "train_batch_size": 2, "num_epochs": 1, "warmup_ratio": 0.03,
                                "mixed_precision": "fp16", "adapter.method": "lora", "hardware.count": 1,
                                "training_time_hours": 5, "hardware.region": "us-west-1", "license": "apache-2.0",
                                "base_model": "meta-llama/Llama-2-7b-hf", "lr_scheduler": "cosine"}),
        ("jamander-project-blockbuster", {"learning_rate": 3e-5, "train_batch_size": 16, "num_epochs": 3,
                                          "gradient_accumulation_steps": 2, "max_length": 512, "license": "mit",
                                          "quantization.bits": 4, "adapter.method": "lora", "mixed_precision": "fp16",
                                          "base_model": "prajjwal1/bert-tiny", "hardware.accelerator": "Tesla T4"}),
        ("llm-project-distilbert", {"learning_rate": 2e-5, "train_batch_size": 16, "num_epochs": 3, "warmup_steps": 100,
                                    "seed": 42, "license": "apache-2.0"}),
        ("yash3056-llama-3.2-1b-imdb", {"learning_rate": 3e-5, "train_batch_size": 8, "num_epochs": 10,
                                        "max_length": 512, "warmup_ratio": 0.4, "lr_scheduler": "linear",
                                        "weight_decay": None}),
    ],
)  # fmt: skip
def test_the_recipes_of_the_seeds_are_those_of_their_cards(name, facts):
    document = seed(name)
    assert {fact: document.value(fact) for fact in facts} == facts


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a790227-distilbert", [("accuracy", "e.g., 89.20%", "test"), ("f1", "e.g., 0.90", None),
         ("f1", "e.g., 0.89", None),
                                ("accuracy", "92.68%", "validation"), ("loss", "0.1851", "train"),
                                ("loss", "0.2352", "validation")]),
        ("jamander-project-blockbuster", [("accuracy", "85%", "test"), ("precision", "87%", "test"),
                                          ("recall", "83%", "test"), ("f1", "85%", "test")]),
        ("llm-project-distilbert", [("loss", "0.0852", "validation"), ("accuracy", "0.9804", "validation")]),
        ("yash3056-llama-3.2-1b-imdb", [("loss", "0.0030", "train"), ("accuracy", "0.9999", "train"),
                                        ("loss", "0.1196", "validation"), ("accuracy", "0.9628", "validation"),
                                        ("loss", "0.1315", "test"), ("accuracy", "0.9604", "test"),
                                        ("precision", "0.9604", "test"), ("recall", "0.9604", "test"),
                                        ("f1", "0.9604", "test"), ("roc_auc", "0.9604", "test")]),
    ],
)  # fmt: skip
def test_the_results_of_the_seeds_are_those_of_their_cards(name, expected):
    assert numbers(seed(name)) == expected


def test_only_the_examples_of_a_seed_are_placeholders():
    marks = [(one.number.text, one.placeholder) for one in seed("a790227-distilbert").results]
    assert [text for text, mark in marks if mark] == ["e.g., 89.20%", "e.g., 0.90", "e.g., 0.89"]


@given(st.decimals(0, 1000, allow_nan=False, places=4).map(str) | st.integers(0, 10**9).map(str))
def test_the_quick_reader_of_numbers_is_the_reader_of_numbers(text):
    assert plain_number(text) == read_number(text)


PIECES = [
    "---\n", "# Training\n", "- learning_rate: ", "| a | b |\n", "|---|---|\n", "```", "\n", " ", "0.9", "%",
    "Accuracy: ",
    "epochs", "[", "](", "**", "<td>", "<table>", "{", "'", "test", "license: mit\n", "e.g.", "\u0661", "½",
    "--x 1 ", "LoRA ",
]  # fmt: skip


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=60).map("".join))
def test_any_text_gives_a_document_whose_words_stand_in_it(text):
    document = read(text, "x.md")
    for fact in document.facts:
        assert text[fact.place.start : fact.place.end] == fact.text
    assert read(text, "x.md") == document


@pytest.mark.parametrize("piece", [
    " ", "1", "|", "[", "](", "`", "#", "*", "_", "-", "<", "a ", "1.", "|--", "|--|", "# ", "- a: 1 ", "--a ", "x=1, ",
    "accuracy of ", "accuracy: 0.9 ", "learning rate ", "```\n", "<table><tr><td>", "key: ", "½", "A100 ",
    "trained for ",
])  # fmt: skip
@pytest.mark.parametrize("before", ["", "---\n", "--- license: mit ", "## Training hyperparameters\n- learning rate: "])
def test_time_grows_as_the_text_does(piece, before):
    def spent(size):
        text = before + piece * (size // len(piece))
        return timed(lambda: read(text, "x.md"))[0]

    # Ten times the text takes some ten times as long, never a hundred; what is too quick to be measured is quick.
    small = max(min(spent(10_000) for _ in range(2)), 0.01)
    assert min(spent(100_000) for _ in range(2)) < 40 * small


@pytest.mark.parametrize("piece", [" ", "9", "|", "[", "`", "| a ", "- a: 1\n"])
def test_a_megabyte_of_anything_is_read(piece):
    assert takes_less_than(20, lambda: read(piece * (1_000_000 // len(piece)), "x.md"))


WORDS = st.sampled_from([
    "accuracy: 0.9 ", "learning rate 2e-5 ", "| a | 0.9 |\n", "|---|---|\n", "```\n", "---\n", "# Training\n", "- ",
    "\n", "<table><tr><td>", "</td>", "label_0: a\n", "1h 2m ", "x = 8\n", "lr=x ** 9, ", "e.g. ",
    "[a](https://hf.co/a/b) ", "\ufeff", "\t", "\r\n", "\x00", "9" * 400, "&a [*a]\n", "{" * 50,
])  # fmt: skip
CHANGE = st.tuples(st.floats(0, 1), st.floats(0, 0.2), st.integers(0, 60), WORDS)


def changed(text, changes):
    """A text with parts taken out and words put in, many times over."""
    for at, taken, times, words in changes:
        start = int(at * len(text))
        text = text[:start] + words * times + text[start + int(taken * len(text)) :]
    return text


def is_read_in_a_second(content):
    return takes_less_than(1, lambda: facts(document_of(content, "x.md")).model_dump_json())


@settings(max_examples=60)
@given(st.binary(max_size=3000), st.integers(1, 60))
def test_any_bytes_give_facts(content, times):
    assert is_read_in_a_second(content * times)


@settings(max_examples=60)
@given(st.lists(CHANGE, max_size=8))
def test_a_readme_that_was_changed_at_random_gives_facts(changes):
    assert is_read_in_a_second(changed(TRAINER, changes).encode("utf-8", "replace"))


@pytest.mark.parametrize(
    "line",
    [
        "- trained with learning rate 1 batch size 1 accuracy 1 f1 1 loss 1 on GPU A100 for epochs: " + "1 " * 60,
        "<tr><td>accuracy</td><td>" + "1 " * 20 + "</td></tr>",
        "```\nlr=(aaaaaaaaaaaaaaaaaaaaaaa)\n```",
        "| 0.9 | aaaaaaaaaaaaaaaaaaa |",
    ],
)
def test_of_more_than_a_model_card_has_the_rest_is_told_as_unread(line):
    document = read("## Training\n" + f"{line}\n" * (400_000 // len(line)), "x.md")
    assert document.unread > 200_000
