"""What is asked: one package per study, and the statistics, tables and drawing that they share."""
