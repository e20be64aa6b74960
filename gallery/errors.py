"""Every error the package raises on purpose; each says what, where and what to do.

ReidGalleryError
├── PictureError            a picture can't be decoded, or isn't one
├── LayoutError             a folder or manifest doesn't have the layout it was said to have
├── ModelError              a model file is missing, broken or not of our contract
│   └── ModelMismatchError  a store was made with another model
├── QueryError              a query's option is out of its range
├── LabelError              a pid, camera, time or tracklet that can't be stored
├── EmbeddingError          vectors of the wrong shape, dtype or length
├── CalibrationError        what is known of people is too little to calibrate with
├── StoreError              a store can't be opened, read or written
│   ├── StoreBusyError      another process holds the write lock for too long
│   └── StoreDamagedError   what is stored contradicts itself
├── NotFoundError           no such identity, sighting or change
├── ConflictError           the correction contradicts what is stored
├── IrreversibleError       a change can't be undone
├── ReportError             a report can't be drawn or written
├── ConfigError             a training configuration has mistakes (all are listed)
└── TrainingError           a training run can't go on
"""


class ReidGalleryError(Exception):
    """Base of every expected error; its text is one line meant for the user."""


class PictureError(ReidGalleryError):
    """A picture can't be decoded, or isn't one."""


class LayoutError(ReidGalleryError):
    """A folder or manifest doesn't have the layout it was said to have."""


class ModelError(ReidGalleryError):
    """A model file is missing, broken or not of our contract."""


class ModelMismatchError(ModelError):
    """A store was made with another model than the one in hand."""


class QueryError(ReidGalleryError):
    """A query's option is out of its range."""


class LabelError(ReidGalleryError):
    """A pid, camera, time or tracklet that can't be stored."""


class EmbeddingError(ReidGalleryError):
    """Vectors of the wrong shape, dtype or length."""


class CalibrationError(ReidGalleryError):
    """What is known of people is too little to calibrate with."""


class StoreError(ReidGalleryError):
    """A store can't be opened, read or written."""


class StoreBusyError(StoreError):
    """Another process held the write lock for longer than the wait."""


class StoreDamagedError(StoreError):
    """What is stored contradicts itself."""


class NotFoundError(ReidGalleryError):
    """No such identity, sighting or change."""


class ConflictError(ReidGalleryError):
    """The correction contradicts what is stored."""


class IrreversibleError(ReidGalleryError):
    """A change can't be undone, a removal for good among them.

    Attributes:
        change: the number of one that can be, if the removal that it is gets allowed.
    """

    def __init__(self, text: str, *, change: int | None = None) -> None:
        super().__init__(text)
        self.change = change


class ReportError(ReidGalleryError):
    """A report can't be drawn or written."""


class ConfigError(ReidGalleryError):
    """A training configuration has mistakes; the text lists every one."""


class TrainingError(ReidGalleryError):
    """A training run can't go on; the text says where the last good checkpoint is."""


def first_line(error: BaseException) -> str:
    """Return the first line of another program's error, or its kind if it says nothing."""
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
