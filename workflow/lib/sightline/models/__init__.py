"""What looks: one adapter per model family behind one interface, token roles, loading."""
