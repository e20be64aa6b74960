"""Results for people and programs: tables, records, contact sheets."""
