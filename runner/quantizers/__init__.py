"""Quantizers, one file each: `Config` is the card's section; `arguments` serve the loading, `prepare` what is loaded."""
