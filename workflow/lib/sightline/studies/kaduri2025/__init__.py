"""How image information travels through a vision-language model (Kaduri, Bagon and Dekel 2025, arXiv 2411.17491).

protocol     what a run fixes in advance
images       the images that are described
windows      sets of layers, as functions of depth
knockout     descriptions while the image is hidden from the query, from generated tokens, or from both
attention    what generated tokens attend to, and descriptions with image tokens hidden
looks        how the figures draw the same thing
claims       the study's rows of the scorecard, gathered from its parts
"""
