"""Which files of this folder make up the pages of what was found: scorecard and gallery."""

from sightline.report.pages.templates import Parts

SCORECARD = Parts(
    "scorecard.html",
    ("base.css", "verdicts.css", "filters.css", "scorecard.css"),
    ("data.js", "filters.js", "scorecard.js"),
)
GALLERY = Parts(
    "gallery.html",
    ("base.css", "verdicts.css", "filters.css", "gallery.css"),
    ("data.js", "filters.js", "gallery.js"),
)
