"""The oracle: what somebody writes who fine-tunes a folder on a file with the Trainer, and nothing of this project.

The recipe is written out a second time in `tests/test_oracle.py` as a card; the two have to give the same bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from pathlib import Path

LAYERS = {"bert": ["query", "value"], "distilbert": ["q_lin", "v_lin"], "llama": ["q_proj", "v_proj"]}


def fine_tune(
    folder: Path,
    rows: Path,
    work: Path,
    adapter: str | None = None,
    bits: int | None = None,
    dropout: float = 0.1,
    **changed: Any,
) -> tuple[Any, list[dict[str, Any]], Any]:
    """Train the classifier in `folder` on `rows/train.jsonl` and score `rows/test.jsonl`.

    Args:
        folder: A base with its tokenizer.
        rows: JSON lines with `text`, `label` and maybe `text_pair`.
        work: Where the Trainer may write.
        adapter: `lora` or `ia3`; null trains all weights.
        bits: 4 or 8 for a quantized base.
        dropout: Of LoRA.
        changed: Other `TrainingArguments`.

    Returns:
        The model, the Trainer's log with the mean loss last, and the logits of the test rows.
    """
    from datasets import load_dataset
    from peft import IA3Config, LoraConfig, get_peft_model, prepare_model_for_kbit_training
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        BitsAndBytesConfig,
        Trainer,
        TrainingArguments,
        set_seed,
    )

    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    set_seed(3)
    heads = ["classifier", "pre_classifier", "score"]
    quantized = {
        4: BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", llm_int8_skip_modules=heads),
        8: BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=heads),
    }
    model = AutoModelForSequenceClassification.from_pretrained(
        folder,
        pad_token_id=tokenizer.pad_token_id,
        id2label={0: "negative", 1: "positive"},
        label2id={"negative": 0, "positive": 1},
        dtype=torch.float32,
        quantization_config=quantized[bits] if bits else None,
    )
    model.accepts_loss_kwargs = False  # transformers issue 47688
    for layer in model.modules():
        # bitsandbytes 0.50 scores 4-bit weights in another packing, and fails on sizes as small as these.
        if hasattr(layer, "support_avx512bf16_for_cpu"):
            layer.support_avx512bf16_for_cpu = False
    if bits:
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
    layers = LAYERS[model.config.model_type]
    if adapter == "lora":
        model = get_peft_model(
            model,
            LoraConfig(task_type="SEQ_CLS", r=4, lora_alpha=16, lora_dropout=dropout, target_modules=layers),
        )
    elif adapter == "ia3":
        model = get_peft_model(model, IA3Config(task_type="SEQ_CLS", target_modules=layers, feedforward_modules=[]))

    files = {split: str(rows / f"{split}.jsonl") for split in ("train", "test")}
    data = load_dataset("json", data_files=files)
    data = data.map(lambda row: tokenizer(row["text"], row.get("text_pair"), truncation=True, max_length=24))
    arguments: dict[str, Any] = {
        "num_train_epochs": 2,
        "learning_rate": 4e-3,
        "per_device_train_batch_size": 8,
        "gradient_accumulation_steps": 2,
        "weight_decay": 0.1,
        "max_grad_norm": 0.5,
        "lr_scheduler_type": "cosine",
        "warmup_steps": 0.2,
        "adam_beta1": 0.8,
        "adam_beta2": 0.95,
        "adam_epsilon": 1e-6,
        "optim": "adamw_torch",
        "seed": 3,
        **changed,
    }
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            str(work),
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            use_cpu=not torch.cuda.is_available(),
            disable_tqdm=True,
            **arguments,
        ),
        train_dataset=data["train"],
        processing_class=tokenizer,
    )
    mean = trainer.train().training_loss
    return model, [*trainer.state.log_history, {"mean": mean}], trainer.predict(data["test"]).predictions
