"""The one root of errors that are meant for a user to read."""


class SightlineError(Exception):
    """Something the user can mend; the message names the file, key or row at fault and what to do."""
