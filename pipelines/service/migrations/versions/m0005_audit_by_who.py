"""An index for the audit log of one name, which is also where what nobody known tried is counted."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Makes it."""
    op.create_index("audit_by_who", "audit", ["who", "id"])


def downgrade() -> None:
    """Drops it."""
    op.drop_index("audit_by_who", "audit")
