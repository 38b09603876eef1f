"""Quantizers, one file each: `Config` is the card's section, `arguments` are for loading, `prepare` for the loaded."""
