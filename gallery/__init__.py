"""The product: the gallery, its store, pictures, extractor, evaluation and reports."""
