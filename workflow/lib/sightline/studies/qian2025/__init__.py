"""What a [SEG] token has learnt, and its similarity map as clicks (READ: Qian, Yin and Dou 2025, arXiv 2412.17741).

protocol     what a run fixes in advance
metrics      gIoU, cIoU, See and Segment
claims       the study's rows of the scorecard, gathered from its parts
"""
