"""Parameters of well-known families by arithmetic, without building them, and the shapes of a few bases by name.

Counts are those of transformers' classes with a classification head left out; a test compares them with the modules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.architectures import Bert, DistilBert, Llama

if TYPE_CHECKING:
    from collections.abc import Mapping

Shape = Bert | DistilBert | Llama


def _bert(layers: int, width: int, heads: int) -> Bert:
    return Bert(
        model_type="bert",
        num_hidden_layers=layers,
        hidden_size=width,
        num_attention_heads=heads,
        intermediate_size=4 * width,
    )


SHAPES: Mapping[str, Shape] = {
    "prajjwal1/bert-tiny": _bert(2, 128, 2),
    "prajjwal1/bert-mini": _bert(4, 256, 4),
    "prajjwal1/bert-small": _bert(4, 512, 8),
    "prajjwal1/bert-medium": _bert(8, 512, 8),
    "bert-base-uncased": _bert(12, 768, 12),
    "google-bert/bert-base-uncased": _bert(12, 768, 12),
    "distilbert-base-uncased": DistilBert(model_type="distilbert"),
    "distilbert/distilbert-base-uncased": DistilBert(model_type="distilbert"),
    "distilbert-base-uncased-finetuned-sst-2-english": DistilBert(model_type="distilbert"),
    "meta-llama/Llama-2-7b-hf": Llama(model_type="llama"),
}
"""Shapes by the Hub's id: the miniatures of BERT are those of Turc et al. 2019 (arXiv:1908.08962), the others the
defaults of their configuration classes."""


def linear_layers(shape: Shape) -> Mapping[str, tuple[int, int, int]]:
    """Linear layers beside the head: by the last part of the name, how many there are, their inputs and outputs."""
    if isinstance(shape, Llama):
        width, inner, n = shape.hidden_size, shape.intermediate_size, shape.num_hidden_layers
        head = shape.head_dim or width // shape.num_attention_heads
        q, kv = head * shape.num_attention_heads, head * (shape.num_key_value_heads or shape.num_attention_heads)
        return {
            "q_proj": (n, width, q), "k_proj": (n, width, kv), "v_proj": (n, width, kv), "o_proj": (n, q, width),
            "gate_proj": (n, width, inner), "up_proj": (n, width, inner), "down_proj": (n, inner, width),
        }  # fmt: skip
    if isinstance(shape, DistilBert):
        n, width, inner = shape.n_layers, shape.dim, shape.hidden_dim
        square = dict.fromkeys(("q_lin", "k_lin", "v_lin", "out_lin"), (n, width, width))
        return {**square, "lin1": (n, width, inner), "lin2": (n, inner, width)}
    n, width, inner = shape.num_hidden_layers, shape.hidden_size, shape.intermediate_size
    square = dict.fromkeys(("query", "key", "value", "attention.output.dense"), (n, width, width))
    return {
        **square,
        "intermediate.dense": (n, width, inner),
        "output.dense": (n, inner, width),
        "pooler.dense": (1, width, width),
    }


def matrix_parameters(shape: Shape) -> int:
    """Weights of the linear layers beside the head, biases left out."""
    return sum(count * inputs * outputs for count, inputs, outputs in linear_layers(shape).values())


def parameters(shape: Shape) -> int:
    """All parameters beside the head."""
    linear = matrix_parameters(shape)
    if isinstance(shape, Llama):
        return linear + shape.vocab_size * shape.hidden_size + (2 * shape.num_hidden_layers + 1) * shape.hidden_size
    biases = sum(count * outputs for count, _, outputs in linear_layers(shape).values())
    if isinstance(shape, DistilBert):
        embeddings = (shape.vocab_size + shape.max_position_embeddings) * shape.dim
        norms = (2 * shape.n_layers + 1) * 2 * shape.dim
    else:
        embeddings = shape.vocab_size + shape.max_position_embeddings + shape.type_vocab_size
        embeddings *= shape.hidden_size
        norms = (2 * shape.num_hidden_layers + 1) * 2 * shape.hidden_size
    return linear + biases + embeddings + norms
