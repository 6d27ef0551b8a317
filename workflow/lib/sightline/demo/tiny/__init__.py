"""Random checkpoints of a few thousand weights in the layouts of the published ones.

They answer nonsense, and send every loader, converter and rule through its paces without a network:
``config/mini.yaml`` runs on them, and so do many tests.

words      the tokenizer
vlms       LLaVA, InternVL and Qwen2.5-VL as ``save_pretrained`` writes them
sam        SAM
encoders   the towers of khajuria2025
lisa       LLaVA, projection and SAM in one, as LISA and READ were published
internvl2  InternVL2 as it was published, with any of its language models
write      the command
"""
