"""Vision encoders of one body, each trained from nothing under another objective (khajuria2025)."""
