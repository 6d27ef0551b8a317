"""What was found: scorecard and item lists over all studies."""
