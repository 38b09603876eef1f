"""The reader of READMEs: the page cut into lines, cells and sentences, and what each of them says of a model."""
