"""Small segmenters trained with and without points (Tables 6 and 7)."""
