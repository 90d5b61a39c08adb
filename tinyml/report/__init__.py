"""Plans as plots and tables in files."""
