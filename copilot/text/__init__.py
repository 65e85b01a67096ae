"""Cells and references, the verifier, prompt files, templates and the sentence encoder."""
