"""What `langchain-consensus bench` measures: the engine beside its peers, on the same token ids, in one process.

`data` reads the public sets, `workloads` makes the engine's requests of them by the package's own path, `methods` and
`peers` run them, `measure` times one call and counts what went through the network, `limits` says what the arithmetic
allows, `calibration` finds the peers' batch sizes, `race` lets the methods take turns, `journal` keeps every entry at
once, `rounds` and `records` sum up, `report` and `plot` write it down.
"""
