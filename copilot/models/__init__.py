"""The models: what a touch changes, where usage and spend go, and their folders (plain frames in and out)."""
