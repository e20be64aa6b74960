"""Training: from folders of labelled pictures to one extractor file; see `api`."""

import os

# albumentations asks a server for a newer version whenever it is imported; training stays offline.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
