"""Structures and trajectories: reading, converting, and what is computed from the positions of atoms."""
