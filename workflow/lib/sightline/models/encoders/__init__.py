"""Vision encoders on their own: what images become, block by block, and where every token looks.

source       an encoder's entry in the configuration
encoder      what all encoders offer: pixels, states, geometry
towers       transformer towers of Hugging Face checkpoints
stages       convolutional encoders of timm
patches      the pixels of a patch as they are, a floor for every probe
groups       attention that stays within groups of tokens, a control
loading      from an entry to an encoder
"""
