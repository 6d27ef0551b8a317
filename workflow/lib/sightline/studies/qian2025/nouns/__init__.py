"""Names of what queries ask for, without saying it: their maps in a vision-language encoder, and queries by name."""
