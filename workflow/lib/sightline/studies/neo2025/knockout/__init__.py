"""The attention-knockout half of neo2025: from which tokens, and in which layers, the answer is read off.

pairs                   what is cut: token groups and windows of layers
measure, measurements   the experiment, which runs the model, and its rows
effects, claims         numbers with intervals and verdicts
tab2, curve_figure      the table and the drawing
"""
