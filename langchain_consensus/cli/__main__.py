"""`python -m langchain_consensus.cli`."""

from langchain_consensus.cli import main

main()
