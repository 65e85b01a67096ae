"""Answers: rows of a snapshot, read through a scope, as records of cells and the template sentences that tell them."""
