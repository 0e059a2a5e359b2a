"""One module for each screen, and the rows it shows."""
