"""Proof that it works: experiments in the books, differences in differences, matching, adoption, and a verdict."""
