"""The store: tables, transactions, history; the truth of a gallery, in one SQLite database."""
