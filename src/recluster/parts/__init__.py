"""Equations and steps that two papers share."""
