"""Files: those that a run finds by itself are read with care, and written ones are replaced whole."""
