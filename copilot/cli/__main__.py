"""``python -m copilot.cli`` is ``sales-copilot``."""

from copilot.cli import main

main()
