"""Referring expressions and false premises: masks by teacher forcing and by generation."""
