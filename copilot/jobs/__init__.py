"""Batch steps, run by the workspace's owner: set up a book, train, score, examine."""
