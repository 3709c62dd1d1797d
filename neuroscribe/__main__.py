"""`python -m neuroscribe`: the command line."""

from neuroscribe.cli import main

main()
