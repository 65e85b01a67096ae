"""Sales copilot: who to call, what a touch changes, and why."""

__version__ = "0.1.0"
