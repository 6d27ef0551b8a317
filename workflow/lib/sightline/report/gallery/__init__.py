"""Everything a run produced, on one page that opens from a folder: no server, no network.

record     what a run was made with and when: written once the results stand, read by the gallery
entries    the items of the studies with their files, claims and published numbers
published  published numbers of an item as small tables, with sources and how far to trust them
markdown   tables and texts of a study as HTML
copies     what the gallery takes into its own folder: figures, tables, data, explorers, small pictures
articles   one item as HTML: picture, numbers, data, how to make it again, where it comes from
site       the page itself (python -m sightline.report.gallery.site)
"""
