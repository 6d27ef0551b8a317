"""The attention-knockout half of kaduri2025: through which tokens, and where, the image reaches a description.

conditions               what is hidden from whom, in which layers
describe, descriptions   the experiment, which runs the model, and its rows
judge, measurements      each description held against the reference, and the rows of that
effects, contrasts       numbers with intervals
claims                   verdicts
bars_figure, curve_figure, windows_figure, gist_figure, example_figure, diagram   the drawings
"""
