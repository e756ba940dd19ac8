"""Splits, order and packing: functions of rows, not of text."""
