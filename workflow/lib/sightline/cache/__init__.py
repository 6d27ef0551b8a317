"""Traces on disk: safetensors shards, one parquet index and a spec per trace set. Knows arrays, nothing of models."""
