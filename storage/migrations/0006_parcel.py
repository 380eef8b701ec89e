"""Files that operators send to callers.

Revision ID: 0006
Revises: 0005
Create Date: 2026-11-24 15:50:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    op.create_table(
        "parcel",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("piece", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("conversation_id", sa.String(32), nullable=False),
        sa.Column("case_id", sa.String(32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", "piece", name="pk_parcel"),
    )
    op.create_index("ix_parcel_conversation_id", "parcel", ["conversation_id"])
    op.create_index("ix_parcel_case_id", "parcel", ["case_id"])


def downgrade() -> None:
    """Back to the one before."""
    op.drop_table("parcel")
