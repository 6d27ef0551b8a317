"""The attention-knockout half of kaduri2025: through which tokens, and where, the image reaches a description.

conditions, edges        what is hidden from whom, in which layers
describe, descriptions   the experiment, which runs the model, and its rows
judge, measurements      each description held against the reference, and the rows of that
effects, contrasts       numbers with intervals
claims                   verdicts
routes                   where one prompt and its description look, for the diagram
bars_figure, curve_figure, windows_figure, gist_figure, example_figure, diagram   the drawings
"""
