"""Interactive pages: one file each, no network, no framework, no build step.

packing     arrays as compact text inside a page, and back
tables      tables that pages are made of, and how many images fit into a page
film        the row of pictures at the top
page        a page from its template, styles, scripts and data
listing     the list of a study's pages
templates   which files make up each page

Shared by all explorers: base.css (colours and type), explorer.css (their parts), data.js (decoding, address, small
elements), film.js (the row of images), picture.js (a picture with its grid of patches), strip.js (a strip of layers),
window.js (a strip from which several layers are chosen). What belongs to one explorer lies beside them under its name:

lens      logit lens of single images (`sightline.report.lens_page`)
routes    attention of single tokens (`sightline.report.routes_page`)
tokens    cosines of the tokens of vision encoders (`sightline.report.tokens_page`)
seg       similarity of [SEG] and the masks from it (`sightline.report.seg_page`)
index     the list of a study's pages

Scorecard and gallery are pages too, listed in result_templates: base.css, verdicts.css (verdicts as words and bars),
filters.css and filters.js (buttons and a search), and files of their own.
"""
