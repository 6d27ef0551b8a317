"""What a run will cost before it starts: downloads, disk, GPU memory and hours, rule by rule.

jobs       what Snakemake is about to do, from its dry run
shapes     sizes of models, from config.json or resources/shapes.csv
cards      GPUs, from resources/cards.csv
cost       floating-point operations of transformers
counts     how many images, questions and samples the studies look at
work       operations and memory of every rule that runs a model
caches     bytes of trace sets, from shapes
disk       bytes that jobs fetch and write
bill       all of it in one table, with totals
room       whether it fits on the disk
"""
