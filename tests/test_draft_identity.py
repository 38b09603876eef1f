"""What the reader takes for the base model, the data, the task, the classes and the versions, and what it does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.readme.classes import read_classes_of_classifier
from registry.readme.code import python_settings
from registry.readme.page import page_of
from registry.readme.reader import read

HUB = "https://huggingface.co"


def value(words, name):
    return read(f"# Model\n\n{words}\n", "x.md").value(name)


@pytest.mark.parametrize(
    ("words", "task"),
    [
        ("---\ntags:\n- sentiment-analysis\n---\n", "text-classification"),
        ("---\ntags:\n- bert\n- token-classification\n---\n", "token-classification"),
        ("## Usage\n```python\npipe = pipeline('ner', model='a/b')\n```", "token-classification"),
        ("## Usage\n```python\npipe = pipeline(\n    task='image-classification',\n)\n```", "image-classification"),
        ("```python\nm = AutoModelForSequenceClassification.from_pretrained('a/b')\n```", "text-classification"),
        ("```python\nm = Wav2Vec2ForCTC.from_pretrained('a/b')\n```", "automatic-speech-recognition"),
        ("A BERT model for Named Entity Recognition in Basque.", "token-classification"),
        ("It was fine-tuned for sentiment analysis.", "text-classification"),
        ("*Task*: Table Question Answering", "table-question-answering"),
        ("---\ntags:\n- Text2Text Generation\n---\n", "text2text-generation"),
        ("---\ntags:\n- text-to-image\n- stable-diffusion\n---\n", "text-to-image"),
        (
            "---\nmodel-index:\n- results:\n  - task:\n      type: text-classification\n"
            "  - task:\n      type: natural-language-inference\n---\n",
            "text-classification",
        ),
    ],
)
def test_a_task_is_told_by_tags_code_or_words(words, task):
    text = words if words.startswith("---") else f"# Model\n\n{words}\n"
    assert read(text, "x.md").value("task") == task


@pytest.mark.parametrize(
    "words",
    [
        "# bert-base-ner-finetuned\nThis model is a fine-tuned version of bert.",  # a name implies, it states nothing
        "See [others](https://x.y/speech_recognition_uk).",
        "It can do summarization and machine translation.",
        "Its tasks include: sentiment analysis, paraphrasing and others.",
        "---\ntags:\n- text-to-image\n- image-to-image\n---\n# Model",
        "```python\nm = AutoModelForSeq2SeqLM.from_pretrained('a/b')\n```",
        "```python\na = AutoModelForCausalLM\nb = AutoModelForQuestionAnswering\n```",
    ],
)
def test_a_task_that_is_not_told_or_is_one_of_several_is_left_out(words):
    assert value(words, "task") is None


@pytest.mark.parametrize(
    ("words", "base"),
    [
        (f"A classifier based on the [Indo]({HUB}/owner/indo-roberta) model.", "owner/indo-roberta"),
        ("Fine-tuned from owner/tiny-model with our data.", "owner/tiny-model"),
        ("Camembert-base model fine-tuned on French text.", "Camembert-base"),
        ("```bash\npython run.py --model_name_or_path google/electra-large --learning_rate 3e-5\n```",
         "google/electra-large"),
        ("- **Finetuned from model:** `bert-base-cased`", "bert-base-cased"),
        (f"A tagger for Elvish, derived from [roberta-elvish]({HUB}/owner/roberta-elvish).", "owner/roberta-elvish"),
        (f"The weights were initialized with [the base]({HUB}/owner/base).", "owner/base"),
        (f"The base checkpoint is [mini]({HUB}/owner/mini).", "owner/mini"),
        (f"We share a smaller version of [bert]({HUB}/bert-base-cased).", "bert-base-cased"),
        (f"[Lite]({HUB}/owner/lite) trained by [us](https://x.y) and fine-tuned on questions.", "owner/lite"),
        (f"It is a [RoBERTa]({HUB}/roberta-base) that was further trained on mails.", "roberta-base"),
        ("A tagger based on `owner/sci-bert`.", "owner/sci-bert"),
        ("**Language model:** albert-base <br>", "albert-base"),
        ("This is a fine-tuned BERT model.", "BERT"),
        ("Roberta-base model was fine-tuned to sort letters.", "Roberta-base"),
        ("The model used for fine-tuning is GELECTRA Large by its makers.", "GELECTRA Large"),
        ("This model is a *xlm-roberta-base* model that was fine-tuned on letters.", "xlm-roberta-base"),
        ("It was fine-tuned on letters from the `t5-small` checkpoint.", "t5-small"),
        ("A sentiment model trained on letters using DistilBert.", "DistilBert"),
        ("GPT-Neo-Tale is a finetune created using Somebody's GPT-Neo 2.7B model.", "GPT-Neo 2.7B"),
        (f"## How to use\nWe fine-tuned the [mini]({HUB}/owner/mini) model on letters.", "owner/mini"),
        ("This model is a *owner/m2m* model that was fine-tuned on letters.", "owner/m2m"),
        ("Based on owner/stable-diffusion-v1 trained by a friend", "owner/stable-diffusion-v1"),
        ("It is initialized from the [distilgpt2](https://example.org/gpt.md) model.", "distilgpt2"),
        ("Fine-tuning bert-base-cased on letters.", "bert-base-cased"),
        (f"The original pre-trained model can be found here: {HUB}/owner/old-bert", "owner/old-bert"),
        (f"Base model - {HUB}/owner/small", "owner/small"),
        ("It was trained on resnet34 backbone and is good.", "resnet34"),
    ],
)  # fmt: skip
def test_a_base_model_is_told(words, base):
    assert value(words, "base_model") == base


@pytest.mark.parametrize(
    "words",
    [
        f"This card was written based on the [other model card]({HUB}/owner/other).",
        "A trained model of [point clouds](https://keras.io/examples/vision/pointnet).",
        "The embeddings were trained from the [corpus](https://x.y/corpus).",
        "## Usage\n```bash\npython run.py --model_name_or_path owner/this\n```",
        f"The tasks were fine-tuned from [a]({HUB}/owner/a), [b]({HUB}/owner/b).",
        f"See how it was derived from [the paper]({HUB}/papers/2401.00001).",
        "It outperforms a fine-tuned BERT model.",
        "BERT can be fine-tuned for your task.",
        "It is based on owner/tools and runs anywhere.",
        "How to do it: fine-tuning BERT on letters.",
    ],
)
def test_what_is_no_base_model_is_left_alone(words):
    assert value(words, "base_model") is None


def test_the_model_itself_is_not_its_base():
    text = f"# owner-letters-bert\n\n[This]({HUB}/owner/owner-letters-bert) was fine-tuned on letters.\n"
    assert read(text, "x.md").value("base_model") is None


@pytest.mark.parametrize(
    ("words", "data"),
    [
        (
            f"This is [bert]({HUB}/bert) fine-tuned\non the [reviews]({HUB}/datasets/owner/reviews) data.",
            "owner/reviews",
        ),
        ("It was trained on the [birds](https://www.kaggle.com/datasets/owner/birds) dataset.", "owner/birds"),
        (f"- **Dataset:** [mine]({HUB}/datasets/owner/mine)", "owner/mine"),
        (f"| Setting | Value |\n|---|---|\n| Training data | [mine]({HUB}/datasets/owner/mine) |", "owner/mine"),
        ("## Training data\n```python\ndata = load_dataset('xnli', 'fr')\n```", "xnli"),
        ("It was fine-tuned on the *Letters of 1900* corpus.", "Letters of 1900"),
        ("A tagger trained by me on the owner/old-letters dataset.", "owner/old-letters"),
        ("For the fine-tuning, we used the LETT dataset.", "LETT"),
        ("This model was fine-tuned on [Old Letters](https://x.org/letters).", "Old Letters"),
        ("It was fine-tuned using the [Letters Dataset](https://x.org/letters).", "Letters"),
        ("## Dataset\n[Old Letters](https://x.org/letters), of three centuries.", "Old Letters"),
        ("For the fine-tuning I used the [Old Letters dataset](https://x.org/letters).", "Old Letters"),
        ("The dataset used is the [Old Letters](https://x.org/letters).", "Old Letters"),
        ("**Training data:** LETT 2.0", "LETT 2.0"),
    ],
)
def test_the_data_is_told_by_a_link_or_a_name(words, data):
    assert value(words, "datasets") == (data,)


@pytest.mark.parametrize(
    "words",
    [
        f"The base was pre-trained on the [web]({HUB}/datasets/owner/web).",
        f"It was trained on [a]({HUB}/datasets/o/a). Then it was trained on [b]({HUB}/datasets/o/b).",
        "## Training data\n```python\ndata = load_dataset('csv', data_files='x.csv')\n```",
        "## Usage\n```python\ndata = load_dataset('imdb')\n```",
        f"See also [a]({HUB}/datasets/o/a).",
        "It was trained on the English dataset.",
        "It was trained on a Kaggle dataset.",
        "It was trained on [Letters dataset](https://x.y) and [Mails dataset](https://x.z).",
        "It was trained on [Google Colab](https://colab.research.google.com/x).",
        f"## Training data\n[A model]({HUB}/owner/model) that others made.",
        "- **Pretrain dataset:** ImageNet-1k",
        "**Training data:** 10,000 letters",
    ],
)
def test_other_data_is_left_alone(words):
    assert value(words, "datasets") is None


def test_several_linked_datasets_of_one_sentence_are_a_list():
    words = f"Fine-tuned on [one]({HUB}/datasets/o/a), [two]({HUB}/datasets/o/b) and [three]({HUB}/datasets/o/c)."
    assert value(words, "datasets") == ("o/a", "o/b", "o/c")


def test_linked_names_before_the_word_datasets_are_a_list():
    words = (
        "To fine-tune we used the [ONE](https://x.org/1), [TWO](https://x.org/2) and [SIX](https://x.org/6) datasets."
    )
    assert value(words, "datasets") == ("ONE", "TWO", "SIX")


@pytest.mark.parametrize(
    ("words", "codes"),
    [
        ("**Language:** English <br>", ("en",)),
        ("- **Language(s) (NLP):** German, Dutch and French", ("de", "nl", "fr")),
    ],
)
def test_languages_are_told_by_name(words, codes):
    assert value(words, "language") == codes


def test_a_language_that_has_no_code_leaves_all_of_them_out():
    assert value("**Languages:** English, Elvish", "language") is None


def test_front_matter_below_words_of_the_page_is_read():
    text = "The site's logo\n---\nlanguage: yo\ntags:\n- translation\n---\n# Model\n"
    assert read(text, "x.md").value("language") == ("yo",)
    assert read(text, "x.md").value("task") == "translation"


def test_the_classes_are_those_of_id2label_in_the_order_of_their_numbers():
    assert value('```python\nid2label = {0: "bad", 1: "good"}\n```', "labels") == ("bad", "good")
    assert value("```python\nid2label = {0: f(1)}\n```", "labels") is None


def test_versions_and_hardware_in_a_block_of_code_are_read():
    words = "```\nTransformers: 4.11.0\nPyTorch: 1.9.0\nCPU/GPU: Intel i9 / NVIDIA Titan RTX 24GB\n```"
    assert value(words, "framework_versions.pytorch") == "1.9.0"
    assert value(words, "hardware.accelerator") == "NVIDIA Titan RTX 24GB"


@pytest.mark.parametrize(
    ("words", "name", "expected"),
    [
        ("## Training\n- `lr = 2e-5` with `lr_scheduler_type = \"linear\"`", "lr_scheduler", "linear"),
        ("Training was performed on a single GPU.", "hardware.count", 1),
        ("### LoRA configuration\n- r: 8\n", "adapter.method", "lora"),
        ("## Training\n| a | b |\n|---|---|\n| learning rate | 2e-4 |\n| quantization | 4-bit QLoRA (NF4) |",
         "quantization.type", "nf4"),
        ("## Training\n- 4-bit bnb: True\n- learning rate: 1e-4", "quantization.bits", 4),
        ("## Training\n```\n{'batch_size': 16, 'sampler': 'torch.utils.data.sampler.RandomSampler'}\n```",
         "train_batch_size", 16),
        ("## Training\n```\n{\n  \"epochs\": 2,\n  \"scheduler\": \"WarmupLinear\"\n}\n```",
         "lr_scheduler", "linear"),
        ("## Architecture\n```\nSentenceTransformer(\n  (0): Transformer({'max_seq_length': 128})\n)\n```",
         "max_length", 128),
        ("## Training\n```python\nt.train(lr=5e-6, mini_batch_size=4, max_epochs=20)\n```", "num_epochs", 20),
        ("| Optimizer | lr | beta_1 | beta_2 | epsilon |\n|---|---|---|---|---|\n|Adam|1e-3|0.9|0.99|1e-7|",
         "adam_betas", (0.9, 0.99)),
        ("## Training\n- adam_beta1: 0.9\n- adam_beta2: 0.98", "adam_betas", (0.9, 0.98)),
        ("## Training\n- warmup = 600\n- learning rate = 1e-5", "warmup_steps", 600),
        ("## Training\nIt was trained on 8 块 A100.", "hardware.count", 8),
        ("- Hours used: 3", "training_time_hours", 3.0),
        ("It was trained for 620k steps.", "max_steps", 620_000),
        ("## Training\n- Warm up steps: 10k", "warmup_steps", 10_000),
        ("It was trained on letters with 120k steps of training.", "max_steps", 120_000),
        ("All notes are chunked into a length of 128 tokens.", "max_length", 128),
        ("| Release | Test WER | GPUs |\n|---|---|---|\n| 22-05-11 | - | 1xK80 24GB |", "hardware.count", 1),
        ("## Training\n```\n{\"epochs\": 1, \"optimizer_class\": \"<class 'torch.optim.adamw.AdamW'>\"}\n```",
         "optimizer", "adamw"),
        ("PyTorch version (GPU?): 1.9.0+cu102 (False)", "framework_versions.pytorch", "1.9.0+cu102"),
        ("- pytorch version: `pytorch 1.5.1`", "framework_versions.pytorch", "1.5.1"),
        ("## Resource usage\n| GPU | 8 x V100 |\n|---|---|\n| x | y |", "hardware.count", 8),
        ("- Training time: 1:07:41", "training_time_hours", 1 + 7 / 60 + 41 / 3600),
        ("## Training\n- optimizer: {'name': 'AdamW', 'learning_rate': 1e-05, 'decay': 0.1, 'weight_decay': 0.0}",
         "weight_decay", 0.0),
        ("## Training\n- optimizer: {'name': 'AdamWeightDecay', 'learning_rate': 1e-05, 'weight_decay_rate': 0.01}",
         "weight_decay", 0.01),
        ("## Training\n```python\nconf = LoraConfig(\n    r=8,  # not 16\n    lora_alpha=16,\n)\n```", "adapter.r", 8),
        ("## Training\n```python\nargs = dict(**{'learning_rate': 2e-5, 'num_epochs': 4})\n```", "num_epochs", 4),
    ],
)  # fmt: skip
def test_a_setting_is_read(words, name, expected):
    assert (
        value(words, name) == pytest.approx(expected) if isinstance(expected, float) else value(words, name) == expected
    )


def test_code_is_parsed_never_run(tmp_path):
    file = tmp_path / "ran"
    text = f"## Training\n```python\nlearning_rate = 1e-5\nopen({str(file)!r}, 'w').write('x')\n```\n"
    assert read(text, "x.md").value("learning_rate") == 1e-5
    assert not file.exists()


def test_settings_of_indented_code_stand_where_the_offsets_say():
    code = "    é = 1\n    x = f(r=8, names=['a', 'b'])\n"
    found = {one.name: code[one.start : one.end] for one in python_settings(code)}
    assert found == {"é": "é = 1"[:1] + " = 1", "r": "r=8", "names": "names=['a', 'b']"}


STATEMENTS = st.sampled_from(["lr = 1", "b = f(r=2)", "#é"])
ENDS = st.sampled_from(["\r", "\n", "\r\n", "\n\f", " # \v\x85\u2028\n"])


@given(st.lists(st.tuples(STATEMENTS, ENDS), min_size=2, max_size=6))
def test_settings_stand_where_the_offsets_say_whatever_ends_a_line(parts):
    code = "".join(f"{statement}{end}" for statement, end in parts)
    found = python_settings(code)
    assert [code[one.start : one.end] for one in found] == [
        words for statement, _ in parts for words in {"lr = 1": ["lr = 1"], "b = f(r=2)": ["r=2"], "#é": []}[statement]
    ]


def test_what_is_no_python_gives_no_settings():
    assert python_settings("learning_rate: 1e-5\n  epochs: 3") is None
    assert python_settings("(" * 5000) is None


def test_of_a_long_readme_the_beginning_is_read_and_the_rest_is_counted():
    document = read("- learning_rate: 2e-5\n" + "x\n" * 100_000 + "- seed: 1\n", "x.md")
    assert document.value("learning_rate") == 2e-5
    assert document.value("seed") is None
    assert document.unread > 0
    assert read("- seed: 1\n", "x.md").unread == 0


def test_a_table_that_is_cut_by_the_limit_is_left_out():
    head = "| Epoch | Step | Validation Loss |\n|---|---|---|\n"
    rows = "".join(f"| {number} | {number}00 | 0.5 |\n" for number in range(1, 4000))
    assert read(head + rows, "x.md").tables == ()
    assert len(read(head + rows[:2000], "x.md").tables) == 1


@pytest.mark.parametrize(
    "words",
    [
        "```python\nlabel2id = {'bad': 0, 'good': 1}\n```",
        "```python\nclass_names = ['bad', 'good']\n```",
        "- LABEL_0: bad\n- LABEL_1: good",
        "## Labels\n0 = bad\n1 = good",
        "## Classes\n| Id | Name |\n|---|---|\n| 0 | bad |\n| 1 | good |",
        "LABEL_1: good\n\nLABEL_0: bad (as people say)",
        "```python\nLABELS = ['bad', 'good']\n```",
    ],
)
def test_classes_are_read_in_the_order_of_their_numbers(words: str) -> None:
    assert read(f"# Model\n\n{words}\n", "x.md").value("labels") == ("bad", "good")


def classes(words: str) -> list[tuple[str, tuple[str, ...]]]:
    page = page_of(f"# Model\n\n{words}\n", "x.md")
    read_classes_of_classifier(page)
    return [(fact.name, fact.value) for fact in page.facts]


@pytest.mark.parametrize(
    "words",
    [
        "The labels are 0 for bad and 1 for good.",
        "```python\nprint(out)  # LABEL_0: bad; LABEL_1: good\n```",
        "```python\nprint('good' if score == 1 else 'bad')\n```",
        "0: bad\n1: good",
    ],
)
def test_of_a_classifier_looser_words_number_the_classes(words: str) -> None:
    assert classes(words) == [("labels", ("bad", "good"))]


@pytest.mark.parametrize(
    "words",
    [
        "```\n[{'label': 'bad', 'score': 0.9}, {'label': 'good', 'score': 0.8}]\n```",
        "It has two classes (bad, good).",
        "It has two labels(bad,and good).",
        "Predicting whether a letter is bad or good.",
        "| Class | Precision | Recall |\n|---|---|---|\n| bad | 1 | 1 |\n| good | 1 | 1 |\n| Macro avg | 1 | 1 |",
    ],
)
def test_classes_that_are_only_named_have_no_order(words: str) -> None:
    assert classes(words) == [("task.labels", ("bad", "good"))]


@pytest.mark.parametrize(
    "words",
    ["```\n[{'label': 'LABEL_0'}, {'label': 'LABEL_1'}]\n```", "```\n{'label': 'bad'}\n```", "The classes are many.",
     "| Class | Rows |\n|---|---|\n| bad | 1 |\n| good | 2 |"],
)  # fmt: skip
def test_what_names_no_two_classes_is_left_alone(words: str) -> None:
    assert classes(words) == []


@pytest.mark.parametrize(
    ("words", "data"),
    [
        ("The following corpora were used for training the model:\n* Tales 2.0\n* Letters (only old ones)",
         ("Tales 2.0", "Letters")),
        (f"We trained on the following datasets:\n- [Tales]({HUB}/datasets/owner/tales), all of it\n- Letters: the old",
         ("owner/tales", "Letters")),
        ("The following datasets were used for training:\n- Tales\n- 300 of our own", None),
        ("The following datasets were used to train the model:\n\nNone.", None),
        ("The following datasets are alike:\n- Tales\n- Letters", None),
    ],
)  # fmt: skip
def test_data_is_listed_below_a_colon(words: str, data: tuple[str, ...] | None) -> None:
    assert value(words, "datasets") == data


@pytest.mark.parametrize("words", ["## Steps\n0 - load\n1 - train", "- LABEL_1: good\n- LABEL_2: bad"])
def test_lines_that_number_no_classes_from_zero_name_none(words: str) -> None:
    assert read(f"# Model\n\n{words}\n", "x.md").value("labels") is None


@pytest.mark.parametrize(
    ("words", "kilowatt_hours"),
    [
        ("- **Energy consumed:** 1.25 kWh", 1.25),
        ("Training consumed about 300 Wh of electricity.", 0.3),
        ("The total energy consumption was 2 MWh.", 2000.0),
    ],
)
def test_energy_is_read_in_kilowatt_hours(words: str, kilowatt_hours: float) -> None:
    assert read(f"# Model\n\n## Training\n{words}\n", "x.md").value("energy_kwh") == kilowatt_hours
