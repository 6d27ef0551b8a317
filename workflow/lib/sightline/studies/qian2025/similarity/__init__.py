"""Similarity maps of [SEG] with the image tokens: every layer, both metrics, and controls."""
