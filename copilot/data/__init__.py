"""The book, its importers, features, labels and snapshots. Knows no user and no language model."""
