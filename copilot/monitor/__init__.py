"""Watch models in use: have their inputs, their scores or their errors moved since they were trained."""
