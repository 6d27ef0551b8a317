"""Interactive pages: one file each, no network, no framework, no build step.

packing     arrays as compact text inside a page, and back
page        a page from its template, styles, scripts and data
templates   which files make up each page

base.css, data.js, picture.js and strip.js are shared by all explorers: colours and type, decoding, a picture with
its grid of patches, a strip of layers. What belongs to one explorer lies beside them under its own name:

lens.html, lens.css, lens.js      logit lens of single images (`sightline.report.lens_page`)
index.html                        the list of a study's pages
"""
