"""Model families: the facts of their configurations, under the names that transformers uses.

A card that states them can be planned without network, and a card with no base model is built from them. Defaults are
those of the configuration classes of transformers 5.23 (`BertConfig`, `DistilBertConfig`, `LlamaConfig`).
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, get_args

from pydantic import Field

from registry.part import Part


class Bert(Part):
    """A BERT-shaped encoder."""

    heads: ClassVar[tuple[str, ...]] = ("classifier",)

    model_type: Literal["bert"]
    vocab_size: Annotated[int, Field(gt=0)] = 30522
    """Tokens in the vocabulary; for a base without weights, that of the tokenizer that is trained is used."""
    hidden_size: Annotated[int, Field(gt=0)] = 768
    num_hidden_layers: Annotated[int, Field(gt=0)] = 12
    num_attention_heads: Annotated[int, Field(gt=0)] = 12
    intermediate_size: Annotated[int, Field(gt=0)] = 3072
    max_position_embeddings: Annotated[int, Field(gt=0)] = 512
    type_vocab_size: Annotated[int, Field(gt=0)] = 2
    hidden_dropout_prob: Annotated[float, Field(ge=0, lt=1)] = 0.1
    attention_probs_dropout_prob: Annotated[float, Field(ge=0, lt=1)] = 0.1
    classifier_dropout: Annotated[float, Field(ge=0, lt=1)] | None = None
    """Dropout before the classification head; null takes `hidden_dropout_prob`."""


class DistilBert(Part):
    """A DistilBERT-shaped encoder."""

    heads: ClassVar[tuple[str, ...]] = ("pre_classifier", "classifier")

    model_type: Literal["distilbert"]
    vocab_size: Annotated[int, Field(gt=0)] = 30522
    """Tokens in the vocabulary; for a base without weights, that of the tokenizer that is trained is used."""
    dim: Annotated[int, Field(gt=0)] = 768
    hidden_dim: Annotated[int, Field(gt=0)] = 3072
    n_layers: Annotated[int, Field(gt=0)] = 6
    n_heads: Annotated[int, Field(gt=0)] = 12
    max_position_embeddings: Annotated[int, Field(gt=0)] = 512
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    attention_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    seq_classif_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2


class Llama(Part):
    """A Llama-shaped decoder with a classification head on its last token."""

    heads: ClassVar[tuple[str, ...]] = ("score",)

    model_type: Literal["llama"]
    vocab_size: Annotated[int, Field(gt=0)] = 32000
    """Tokens in the vocabulary; for a base without weights, that of the tokenizer that is trained is used."""
    hidden_size: Annotated[int, Field(gt=0)] = 4096
    intermediate_size: Annotated[int, Field(gt=0)] = 11008
    num_hidden_layers: Annotated[int, Field(gt=0)] = 32
    num_attention_heads: Annotated[int, Field(gt=0)] = 32
    num_key_value_heads: Annotated[int, Field(gt=0)] | None = None
    """Heads of keys and values (grouped-query attention); null takes `num_attention_heads`."""
    head_dim: Annotated[int, Field(gt=0)] | None = None
    """Size of one head; null takes `hidden_size / num_attention_heads`."""
    max_position_embeddings: Annotated[int, Field(gt=0)] = 2048
    rms_norm_eps: Annotated[float, Field(gt=0)] = 1e-6
    tie_word_embeddings: bool = False
    attention_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0


Architecture = Annotated[Bert | DistilBert | Llama, Field(discriminator="model_type")]

HEADS = {
    get_args(family.model_fields["model_type"].annotation)[0]: family.heads for family in (Bert, DistilBert, Llama)
}
"""Modules of the classification head, by model type."""
