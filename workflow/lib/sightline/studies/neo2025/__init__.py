"""Towards Interpreting Visual Information Processing in Vision-Language Models.

arXiv 2410.07149: where in a LLaVA's visual tokens an object lives.
"""
