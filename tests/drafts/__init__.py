"""Campaigns in the making."""
