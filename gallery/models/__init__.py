"""Models that are shipped: data, found by `extractor.models`."""
