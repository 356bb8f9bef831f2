"""Yobirin (呼鈴): a self-hosted telephony engine for a municipality's reminders."""
