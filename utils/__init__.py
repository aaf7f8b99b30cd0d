"""Shared helpers of the course: everything that a notebook needs twice."""
