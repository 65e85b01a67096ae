"""The MCP server: the tools of a person's role for a language model of their own choice, each call authorised anew."""
