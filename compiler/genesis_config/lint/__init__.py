"""A run over many files: file discovery, settings, ignore comments, fixes."""
