"""Sources of documents: one file per scheme, registered by its name.

A plug-in is a function of what follows the colon of the spec (`text:PATH`), which returns a
`neuroscribe.datasets.corpus.Corpus`.
"""
