"""Statements that a calculation can check without any run: one module a paper.

A calculation is a pure function of nothing: it takes no data set, no labels and no record, draws from a
generator of its own, and finds the same on every machine and at every scale.
"""
