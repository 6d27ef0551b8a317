"""Checkpoints in layouts that transformers has no class for, taken apart into models that this library loads.

stored      weights in one file or many, safetensors or pickled, read one by one
sam_keys    from the names and shapes of the original SAM to those of transformers
lisa_keys   the same for LISA and its kin: LLaVA, projection and SAM in one
lisa        the command
"""
