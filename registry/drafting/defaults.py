"""What stands in for a value that a README leaves out, and where that default comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.card import Training
from registry.evidence import TODO

if TYPE_CHECKING:
    from collections.abc import Mapping

_BOTH = "in transformers 4.x and 5.23"
DEFAULTS: Mapping[str, str] = {
    "base.dtype": "what from_pretrained of transformers 4.x loads where no torch_dtype is given",
    "base.allow_pickle": "no consent is given; a base that ships no safetensors is refused until it is",
    "data.balanced": "no such cut is described",
    "data.tokens.max_length": "not stated; the longest that most encoders have positions for",
    "data.tokens.truncation": "follows from assuming a max_length",
    "data.tokens.padding": "DataCollatorWithPadding.padding's default (True), the Trainer's collator for a tokenizer",
    "data.split.stratify": "not mentioned; train_test_split of datasets and of scikit-learn does not stratify by"
    " default",
    "data.split.seed": "not stated; the seed of TrainingArguments stands in",
    "adapter.r": "LoraConfig.r's default in peft 0.21",
    "adapter.alpha": "LoraConfig.lora_alpha's default in peft 0.21",
    "adapter.dropout": "LoraConfig.lora_dropout's default in peft 0.21",
    "adapter.rslora": "LoraConfig.use_rslora's default in peft 0.21",
    "adapter.dora": "LoraConfig.use_dora's default in peft 0.21",
    "quantization.quant_type": "BitsAndBytesConfig.bnb_4bit_quant_type's default in transformers 5.23",
    "quantization.double_quant": "BitsAndBytesConfig.bnb_4bit_use_double_quant's default in transformers 5.23",
    "quantization.compute_dtype": "BitsAndBytesConfig.bnb_4bit_compute_dtype's default in transformers 5.23",
    "training.epochs": f"TrainingArguments.num_train_epochs's default, {_BOTH}",
    "training.learning_rate": f"TrainingArguments.learning_rate's default, {_BOTH}",
    "training.batch_size": f"TrainingArguments.per_device_train_batch_size's default, {_BOTH}",
    "training.gradient_accumulation_steps": f"TrainingArguments.gradient_accumulation_steps's default, {_BOTH}",
    "training.eval_batch_size": f"TrainingArguments.per_device_eval_batch_size's default, {_BOTH}",
    "training.optimizer": "TrainingArguments.optim's default in transformers 4.x; in 5.23 with torch 2.8 or newer it is"
    " adamw_torch_fused, the same arithmetic",
    "training.adam_betas": f"the defaults of TrainingArguments.adam_beta1 and adam_beta2, {_BOTH}",
    "training.adam_epsilon": f"TrainingArguments.adam_epsilon's default, {_BOTH}",
    "training.weight_decay": f"TrainingArguments.weight_decay's default, {_BOTH}",
    "training.max_grad_norm": f"TrainingArguments.max_grad_norm's default, {_BOTH}",
    "training.label_smoothing": f"TrainingArguments.label_smoothing_factor's default, {_BOTH}",
    "training.scheduler": f"TrainingArguments.lr_scheduler_type's default, {_BOTH}",
    "training.warmup_steps": f"TrainingArguments.warmup_steps's default, {_BOTH}",
    "training.precision": f"the defaults of TrainingArguments.fp16 and bf16 (False), {_BOTH}",
    "training.seed": f"TrainingArguments.seed's default, {_BOTH}",
    "training.select": "TrainingArguments.load_best_model_at_end's default (False)",
    "hardware.count": "one, as no number is given",
    "evaluation.margin": "ours: one percentage point, fixed before any run",
}
"""What stands in for a value that a README leaves out, by path: where the default comes from."""


def stand_in(path: str) -> Any:
    """The spec's default of a field of the recipe; what stands in for the others."""
    section, _, name = path.partition(".")
    if section == "training" and name in Training.model_fields:
        return Training.model_fields[name].default
    return {
        "base.model": TODO, "data.dataset": TODO, "task.labels": (f"{TODO} 0", f"{TODO} 1"), "base.dtype": "float32",
        "data.tokens.max_length": 512, "hardware.count": 1, "adapter.r": 8, "adapter.alpha": 8, "adapter.dropout": 0.0,
        "adapter.target_modules": (TODO,), "evaluation.split": "test", "data.text": "text", "data.label": "label",
    }.get(path)  # fmt: skip
