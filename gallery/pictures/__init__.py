"""Pictures: found, read, fitted, and labelled with whom they show."""
