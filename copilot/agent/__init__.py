"""The agent: it understands a question, plans and runs tools, words the answer and checks it."""
