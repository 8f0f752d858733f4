"""`python -m swagger_breaking` is the command."""

from .cli import main

main()
