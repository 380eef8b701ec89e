"""News: who wants it, the broadcasts, and their recipients.

Revision ID: 0004
Revises: 0003
Create Date: 2026-11-24 15:40:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    op.create_table(
        "subscription",
        sa.Column("conversation_id", sa.String(32), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", name=op.f("pk_subscription")),
    )
    op.create_table(
        "broadcast",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("title", sa.LargeBinary(), nullable=False),
        sa.Column("texts", sa.LargeBinary(), nullable=False),
        sa.Column("countries", sa.String(256), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("author", sa.String(64), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("confirmed_by", sa.String(64), nullable=False),
        sa.Column("planned", sa.Boolean(), nullable=False),
        sa.Column("cursor", sa.String(32), nullable=False),
        sa.Column("finished", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_broadcast")),
    )
    op.create_index("ix_broadcast_created", "broadcast", ["created"])
    op.create_table(
        "broadcast_recipient",
        sa.Column("broadcast_id", sa.String(32), nullable=False),
        sa.Column("conversation_id", sa.String(32), nullable=False),
        sa.Column("channel", sa.String(16), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.String(16), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("broadcast_id", "conversation_id", name=op.f("pk_broadcast_recipient")),
    )
    op.create_index("ix_broadcast_recipient_due", "broadcast_recipient", ["broadcast_id", "state", "channel", "due"])
    op.create_index("ix_broadcast_recipient_conversation_id", "broadcast_recipient", ["conversation_id"])


def downgrade() -> None:
    """Back to the one before."""
    op.drop_table("broadcast_recipient")
    op.drop_table("broadcast")
    op.drop_table("subscription")
