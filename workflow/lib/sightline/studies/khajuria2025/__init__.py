"""How structured the tokens of vision encoders are (Khajuria, Dias, Domnich and Aru 2024 and 2025, arXiv 2406.09067).

protocol         what features depend on: tasks, samples, variants
names            what parts, roles, representations and columns are called
selection        images with one primary and one secondary object, and why the others are none
samples          the objects that are probed, with labels and what captions say of them
naming           whether captions name a category, judged well and as published
placing          from masks to token numbers: corrected, as published, with defects
pooling          from token states to one vector per object
extract          every image read once by an encoder, written by feature_writer
features         the one way to read what was written
own_captions     what an encoder's own decoder says of the images
scene_files      images and masks behind samples
aux_tasks        composition of the tasks, beside published
diagram          Figure 1, of an image that diagram_case chooses
probes           what is decoded from the features, and what that says of the claims
"""
