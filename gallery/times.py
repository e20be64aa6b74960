"""Times as the database keeps them: whole microseconds since 1970, UTC."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_microseconds(moment: datetime) -> int:
    """Count microseconds since 1970; a time without a zone is taken as UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(microseconds=1)


def from_microseconds(count: int) -> datetime:
    """Invert `to_microseconds`."""
    return _EPOCH + timedelta(microseconds=count)


def now_microseconds() -> int:
    """Count microseconds from 1970 to now."""
    return to_microseconds(datetime.now(UTC))
