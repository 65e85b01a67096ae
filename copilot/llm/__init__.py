"""Language models: one client for any OpenAI-compatible server, the embedded model, and the ladder of both."""
