"""Formats that a study is made of, or added to; a format's file is called as the format is.

`PLUGIN` is a function `load(source, study, **options) -> Transfer`: `source` is what was
downloaded, `study` the directory of a new study or (where the format adds to one) of an existing
one. Options are keyword arguments with a default of type str, int, float or bool; the command line
passes what users state as `--set NAME=VALUE`.
"""
