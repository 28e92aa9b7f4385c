"""Linting of many files: file discovery, settings, ignore comments and fixes."""
