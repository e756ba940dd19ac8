"""The first schema: jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(21), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("spec", sa.Text, nullable=False),
        sa.Column("folder", sa.Text, nullable=False),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("settings", sa.JSON, nullable=False),
        sa.Column("sample_documents", sa.BigInteger),
        sa.Column("cores", sa.BigInteger, nullable=False),
        sa.Column("memory_bytes", sa.BigInteger, nullable=False),
        sa.Column("submitter", sa.String(200), nullable=False),
        sa.Column("schedule_id", sa.String(21)),
        sa.Column("request_key", sa.String(200), unique=True),
        sa.Column("attempt", sa.BigInteger, nullable=False),
        sa.Column("deaths", sa.BigInteger, nullable=False),
        sa.Column("owner", sa.String(100)),
        sa.Column("lease_ms", sa.BigInteger),
        sa.Column("cancel_ms", sa.BigInteger),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("queued_ms", sa.BigInteger, nullable=False),
        sa.Column("started_ms", sa.BigInteger),
        sa.Column("finished_ms", sa.BigInteger),
        sa.Column("exit_code", sa.BigInteger),
        sa.Column("error", sa.Text),
        sa.Column("counts", sa.JSON),
    )
    op.create_index("jobs_by_state", "jobs", ["state", "queued_ms"])


def downgrade() -> None:
    """Removes the tables."""
    op.drop_table("jobs")
