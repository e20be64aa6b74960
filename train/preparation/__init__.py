"""From data sets to one manifest to train on, and a report on what is in it; see `prepare`."""
