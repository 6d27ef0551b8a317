"""The logit-lens half of neo2025: which words the hidden states of image tokens would speak.

image_set, readouts, replaced      what is read (readouts and replaced run the model)
words, stored, regions             how a read-out is looked at
curves, decoded, examples          measurements, from stored read-outs alone
effects, num1, claims              numbers with intervals, the published ones beside, verdicts
*_figure                           drawings
"""
