"""Tasks, one file each, named as the Hub's pipeline tag with underscores for its hyphens.

`Config` is the card's section, `AUTO_CLASS` the class of transformers that loads its models, `settings` what their
configuration says of the labels; `columns` brings a split into the shape of a run, `encode` makes tokens of its rows.
"""
