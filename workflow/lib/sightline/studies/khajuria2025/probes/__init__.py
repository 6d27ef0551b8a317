"""What linear probes read from tokens (khajuria2025): batched solvers, decoding, measures, figures, claims."""
