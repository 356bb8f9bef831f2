"""The results store: tables, migrations and queries."""
