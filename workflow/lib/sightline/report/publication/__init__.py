"""A run's measurements and caches as a folder for others: laid out, described, verified and taken over."""
