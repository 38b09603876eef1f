"""The oracle: what somebody writes who fine-tunes by a card's values with transformers, peft and bitsandbytes alone.

Nothing of this project is imported here. A run of the same card on the same rows has to give the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from datasets import load_dataset
from peft import IA3Config, LoraConfig, get_peft_model, prepare_model_for_kbit_training
from scipy.special import softmax
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score, roc_auc_score
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BitsAndBytesConfig,
    Trainer,
    TrainingArguments,
    set_seed,
)

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        model: The trained model.
        log: The Trainer's line of each step.
        mean_loss: Its mean training loss.
        probabilities: Of the test's rows, shape (rows, labels).
        scores: Metrics of the test.
    """

    model: Any
    log: list[dict[str, float]]
    mean_loss: float
    probabilities: np.ndarray
    scores: dict[str, float]


def fine_tune(card: dict[str, Any], base: Path, rows: Path, work: Path) -> Outcome:
    """Fine-tune the classifier in `base` on `train.jsonl` of `rows`, and score it on `test.jsonl`.

    Args:
        card: The card's values, all of them.
        base: Folder of the base and its tokenizer.
        rows: Folder of the rows.
        work: Where the Trainer may write.
    """
    training, tokens, labels = card["training"], card["data"]["tokens"], card["task"]["labels"]

    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    data = load_dataset("json", data_files={part: str(rows / f"{part}.jsonl") for part in ("train", "test")})
    second = card["data"]["text_pair"]
    data = data.map(
        lambda row: tokenizer(row["text"], row.get(second), truncation=True, max_length=tokens["max_length"])
    )

    set_seed(training["seed"])
    model = AutoModelForSequenceClassification.from_pretrained(
        base,
        dtype=torch.float32,
        pad_token_id=tokenizer.pad_token_id,
        id2label=dict(enumerate(labels)),
        label2id={label: index for index, label in enumerate(labels)},
        quantization_config=quantized(card["quantization"]),
    )
    if training["gradient_accumulation_steps"] > 1:
        model.accepts_loss_kwargs = False  # or the loss is counted once per batch: transformers issue 47688
    if card["quantization"]:
        for module in model.modules():
            # On a CPU with AVX512-BF16, bitsandbytes 0.50 scores 4-bit weights in another packing than it trains in.
            module.support_avx512bf16_for_cpu = False
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
    if card["adapter"]:
        model = get_peft_model(model, adapted(card["adapter"]))

    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            str(work),
            num_train_epochs=training["epochs"],
            learning_rate=training["learning_rate"],
            per_device_train_batch_size=training["batch_size"],
            gradient_accumulation_steps=training["gradient_accumulation_steps"],
            per_device_eval_batch_size=training["eval_batch_size"],
            optim=training["optimizer"],
            adam_beta1=training["adam_betas"][0],
            adam_beta2=training["adam_betas"][1],
            adam_epsilon=training["adam_epsilon"],
            weight_decay=training["weight_decay"],
            max_grad_norm=training["max_grad_norm"],
            label_smoothing_factor=training["label_smoothing"],
            lr_scheduler_type=training["scheduler"],
            warmup_steps=training["warmup_steps"] or training["warmup_ratio"] or 0,  # below 1 it is a share
            bf16=training["precision"] == "bf16",
            seed=training["seed"],
            use_cpu=not torch.cuda.is_available(),
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        ),
        train_dataset=data["train"],
        processing_class=tokenizer,
    )
    mean_loss = trainer.train().training_loss
    log = [line for line in trainer.state.log_history if "loss" in line]

    probabilities = softmax(trainer.predict(data["test"]).predictions.astype(np.float64), axis=-1)
    truth, predicted = data["test"]["label"][:], probabilities.argmax(-1)
    scores = {
        "accuracy": accuracy_score(truth, predicted),
        "precision": precision_score(truth, predicted, zero_division=0),
        "recall": recall_score(truth, predicted),
        "f1": f1_score(truth, predicted),
        "roc_auc": roc_auc_score(truth, probabilities[:, 1]),
    }
    return Outcome(model, log, mean_loss, probabilities, scores)


def adapted(adapter: dict[str, Any]) -> Any:
    """The adapter; PEFT trains the classification head with it, by its own list of their names."""
    if adapter["type"] == "ia3":
        return IA3Config(
            task_type="SEQ_CLS",
            target_modules=adapter["target_modules"],
            feedforward_modules=adapter["feedforward_modules"],
        )
    return LoraConfig(
        task_type="SEQ_CLS",
        r=adapter["r"],
        lora_alpha=adapter["alpha"],
        lora_dropout=adapter["dropout"],
        target_modules=adapter["target_modules"],
        use_rslora=adapter["rslora"],
        use_dora=adapter["dora"],
    )


def quantized(quantization: dict[str, Any] | None) -> Any:
    """The base's weights in 4 or 8 bits; not the head, which is trained."""
    if quantization is None:
        return None
    heads = ["classifier", "pre_classifier", "score"]
    if quantization["bits"] == 8:
        return BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=heads)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=quantization["quant_type"],
        bnb_4bit_use_double_quant=quantization["double_quant"],
        bnb_4bit_compute_dtype=getattr(torch, quantization["compute_dtype"]),
        llm_int8_skip_modules=heads,
    )
