"""What `langchain-consensus bench` measures: the engine beside its peers, on the same token ids, in one process.

`data` reads the public sets, `workloads` makes the engine's requests of them by the package's own path, `methods` and
`peers` run them, `measure` times one call and counts what went through the network, `limits` says what the arithmetic
allows, `race` lets the methods take turns, `records` keeps the outcome, `report` and `plot` write it down.
"""
