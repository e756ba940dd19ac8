"""The history of the service's schema, for Alembic."""
