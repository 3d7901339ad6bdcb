"""Benchmarks: a task's items go through one scoring pass, and every method is compared on the stored scores.

    task -> rows -> items -> stored scores -> methods -> summary -> tables and plots

`tasks` and `wordings` are data. Only `scoring_pass` needs a model; all that comes after it reads stored
log-probabilities and takes seconds.
"""
