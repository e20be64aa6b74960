"""reid-gallery: enroll full-body person crops, ask who someone is, correct mistakes, retrain."""
