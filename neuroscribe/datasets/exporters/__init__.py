"""Formats that a study is written in for others; a format's file is called as the format is.

`PLUGIN` is a function `export(study, out, *, units, **options) -> Transfer`: `study` is a study's
directory, `out` a directory or file that is not there yet, `units` the units to write (None for
all). Options are keyword arguments with a default of type str, int, float or bool; the command
line passes what users state as `--set NAME=VALUE`.
"""
