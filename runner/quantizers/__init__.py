"""Quantizers, one file each: `Config` is the card's section, `arguments` are for `from_pretrained`."""
