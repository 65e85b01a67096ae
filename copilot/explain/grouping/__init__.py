"""Features in families as a person thinks of them (MATHS §6): super feature, ultra feature, category, meaning."""

from copilot.explain.grouping.door import group

__all__ = ["group"]
