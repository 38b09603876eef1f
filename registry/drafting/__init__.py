"""The writer of drafts: a card's sections, one a module, from what a README was read to say."""
