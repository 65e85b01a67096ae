"""Benchmarks: one module a claim, each prints ours beside its peers, measured in the same run."""
