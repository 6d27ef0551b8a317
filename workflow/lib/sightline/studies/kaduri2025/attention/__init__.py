"""Where generated tokens look: how much, at which image tokens, and what they lose with the rest hidden.

measurements  columns of the tables that are measured, and how to read them
spelled       which generated tokens spell a name
peaks         how near an attention peak lies to an object
layer_bins    groups of layers
read          describe every image and keep what attention shows
selection     image tokens that stay visible in each layer
sweep         descriptions while generated tokens see a share of the image tokens
judge         hold them against the unmodified description
shares        which share of the tokens a claim is judged at
resampling    intervals over images for numbers that are no means
fractions     share of attention by role and layer
spread        entropy, largest tokens and their overlap by layer
localisation  how often the peak falls on the object
visible       object F1 against the share of tokens that is seen
contrast      one number that a claim rests on
effects       all of these, as tables
claims        scorecard rows C1, C7, C8 and C9
"""
