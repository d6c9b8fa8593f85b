"""A public pre-trained encoder (Whisper, arXiv 2212.04356) as a backbone: exits, adaptation and codec on top of it."""
