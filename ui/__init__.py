"""The screens: a chat on FastAPI and Gradio."""
