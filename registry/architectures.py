"""Model families: the facts of their configurations, under the names that transformers uses.

A card that states them can be planned without network, and a card with no base model is built from them. Defaults are
those of the configuration classes of transformers 5.23 (`BertConfig`, `DistilBertConfig`, `LlamaConfig`). Besides, of
each family are known the modules of its `heads`, the linear `layers` that an adapter may name (`{}` is the number of a
block), and whether it is a `decoder`, whose tokenizer has no padding token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, get_args

from pydantic import Field

from registry.errors import did_you_mean
from registry.part import Part

if TYPE_CHECKING:
    from collections.abc import Iterable


class Bert(Part):
    """A BERT-shaped encoder."""

    heads: ClassVar[tuple[str, ...]] = ("classifier",)
    decoder: ClassVar[bool] = False
    layers: ClassVar[tuple[str, ...]] = (
        "bert.encoder.layer.{}.attention.self.query",
        "bert.encoder.layer.{}.attention.self.key",
        "bert.encoder.layer.{}.attention.self.value",
        "bert.encoder.layer.{}.attention.output.dense",
        "bert.encoder.layer.{}.intermediate.dense",
        "bert.encoder.layer.{}.output.dense",
        "bert.pooler.dense",
    )

    model_type: Literal["bert"]
    """Name of the family in transformers."""
    num_labels: Annotated[Annotated[int, Field(gt=1)] | None, Field(examples=[2])] = None
    """Labels of the classification head that the base brings; null where it brings none."""
    vocab_size: Annotated[int, Field(gt=0, le=100_000_000)] = 30522
    """Tokens in the vocabulary; for a base without weights, that of the tokenizer that is trained is used."""
    hidden_size: Annotated[int, Field(gt=0, le=1_000_000)] = 768
    """Width of the hidden states."""
    num_hidden_layers: Annotated[int, Field(gt=0, le=1_000)] = 12
    """Transformer layers."""
    num_attention_heads: Annotated[int, Field(gt=0, le=1_000)] = 12
    """Attention heads of a layer."""
    intermediate_size: Annotated[int, Field(gt=0, le=100_000_000)] = 3072
    """Width inside the feed-forward blocks."""
    max_position_embeddings: Annotated[int, Field(gt=0, le=100_000_000)] = 512
    """Longest sequence that the model has positions for."""
    type_vocab_size: Annotated[int, Field(gt=0, le=1_000_000)] = 2
    """Kinds of segments: two, the first and the second text of a pair."""
    hidden_dropout_prob: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Dropout of the embeddings and of each block's output."""
    attention_probs_dropout_prob: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Dropout of the attention weights."""
    classifier_dropout: Annotated[Annotated[float, Field(ge=0, lt=1)] | None, Field(examples=[0.2])] = None
    """Dropout before the classification head; null takes `hidden_dropout_prob`."""
    initializer_range: Annotated[float, Field(gt=0)] | None = None
    """Standard deviation that random weights are drawn with; null takes 0.02, which is small for a narrow model."""


class DistilBert(Part):
    """A DistilBERT-shaped encoder."""

    heads: ClassVar[tuple[str, ...]] = ("pre_classifier", "classifier")
    decoder: ClassVar[bool] = False
    layers: ClassVar[tuple[str, ...]] = (
        "distilbert.transformer.layer.{}.attention.q_lin",
        "distilbert.transformer.layer.{}.attention.k_lin",
        "distilbert.transformer.layer.{}.attention.v_lin",
        "distilbert.transformer.layer.{}.attention.out_lin",
        "distilbert.transformer.layer.{}.ffn.lin1",
        "distilbert.transformer.layer.{}.ffn.lin2",
    )

    model_type: Literal["distilbert"]
    """Name of the family in transformers."""
    num_labels: Annotated[Annotated[int, Field(gt=1)] | None, Field(examples=[2])] = None
    """Labels of the classification head that the base brings; null where it brings none."""
    vocab_size: Annotated[int, Field(gt=0, le=100_000_000)] = 30522
    """Tokens in the vocabulary; for a base without weights, that of the tokenizer that is trained is used."""
    dim: Annotated[int, Field(gt=0, le=1_000_000)] = 768
    """Width of the hidden states."""
    hidden_dim: Annotated[int, Field(gt=0, le=100_000_000)] = 3072
    """Width inside the feed-forward blocks."""
    n_layers: Annotated[int, Field(gt=0, le=1_000)] = 6
    """Transformer layers."""
    n_heads: Annotated[int, Field(gt=0, le=1_000)] = 12
    """Attention heads of a layer."""
    max_position_embeddings: Annotated[int, Field(gt=0, le=100_000_000)] = 512
    """Longest sequence that the model has positions for."""
    dropout: Annotated[float, Field(ge=0, lt=1, examples=[0.1])] = 0.1
    """Dropout of the embeddings and of the feed-forward blocks."""
    attention_dropout: Annotated[float, Field(ge=0, lt=1, examples=[0.1])] = 0.1
    """Dropout of the attention weights."""
    seq_classif_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Dropout before the classification head."""


class Llama(Part):
    """A Llama-shaped decoder with a classification head on its last token."""

    heads: ClassVar[tuple[str, ...]] = ("score",)
    decoder: ClassVar[bool] = True
    layers: ClassVar[tuple[str, ...]] = (
        "model.layers.{}.self_attn.q_proj",
        "model.layers.{}.self_attn.k_proj",
        "model.layers.{}.self_attn.v_proj",
        "model.layers.{}.self_attn.o_proj",
        "model.layers.{}.mlp.gate_proj",
        "model.layers.{}.mlp.up_proj",
        "model.layers.{}.mlp.down_proj",
    )

    model_type: Literal["llama"]
    """Name of the family in transformers."""
    num_labels: Annotated[Annotated[int, Field(gt=1)] | None, Field(examples=[2])] = None
    """Labels of the classification head that the base brings; null where it brings none."""
    vocab_size: Annotated[int, Field(gt=0, le=100_000_000)] = 32000
    """Tokens in the vocabulary; for a base without weights, that of the tokenizer that is trained is used."""
    hidden_size: Annotated[int, Field(gt=0, le=1_000_000)] = 4096
    """Width of the hidden states."""
    intermediate_size: Annotated[int, Field(gt=0, le=100_000_000)] = 11008
    """Width inside the feed-forward blocks."""
    num_hidden_layers: Annotated[int, Field(gt=0, le=1_000)] = 32
    """Transformer layers."""
    num_attention_heads: Annotated[int, Field(gt=0, le=1_000)] = 32
    """Attention heads of a layer."""
    num_key_value_heads: Annotated[int, Field(gt=0, le=1_000)] | None = None
    """Heads of keys and values (grouped-query attention); null takes `num_attention_heads`."""
    head_dim: Annotated[int, Field(gt=0, le=1_000_000)] | None = None
    """Size of one head; null takes `hidden_size / num_attention_heads`."""
    max_position_embeddings: Annotated[int, Field(gt=0, le=100_000_000)] = 2048
    """Longest sequence that the model has positions for."""
    rms_norm_eps: Annotated[float, Field(gt=0)] = 1e-6
    """What the norms add to the variance."""
    tie_word_embeddings: bool = False
    """Whether input and output embeddings share their weights; a classifier has no output embeddings."""
    attention_dropout: Annotated[float, Field(ge=0, lt=1, examples=[0.0])] = 0.0
    """Dropout of the attention weights."""


Architecture = Annotated[Bert | DistilBert | Llama, Field(discriminator="model_type")]

HEADS = {
    get_args(family.model_fields["model_type"].annotation)[0]: family.heads for family in (Bert, DistilBert, Llama)
}
"""Modules of the classification head, by model type."""


def missing_layers(architecture: Bert | DistilBert | Llama, names: Iterable[str]) -> list[tuple[str, str]]:
    """Which names are those of no layer that an adapter can adapt, each with what was probably meant.

    As PEFT reads them, a name is a whole one, or the end of one after a dot.
    """
    blocks = architecture.n_layers if isinstance(architecture, DistilBert) else architecture.num_hidden_layers
    whole = {name.format(block) for name in architecture.layers for block in range(blocks)}
    last = {name.rpartition(".")[2] for name in whole}
    return [
        (wanted, did_you_mean(wanted, last))
        for wanted in names
        if not any(name == wanted or name.endswith(f".{wanted}") for name in whole)
    ]
