# Everything a person types. PYTHON is any Python 3.11 or newer.
PYTHON ?= python3

.PHONY: dev-link
dev-link:  ## renew the editable install's link tree after a file was added
	.venv/bin/python -m pip install -q -e . --no-deps --no-build-isolation --config-settings editable_mode=strict
