"""The language model: text and a grammar in, a small quantised n-gram file out (docs/model-format.md)."""
