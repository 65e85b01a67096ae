"""copilot.db: users and their passwords, conversations, feedback events and the audit chain."""
