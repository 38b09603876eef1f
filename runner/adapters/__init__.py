"""Adapters, one file each: `Config` is the card's section, `apply` wraps the model."""
