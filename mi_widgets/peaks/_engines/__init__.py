"""The two engines, compiled and NumPy: the same steps, the same numbers, behind one door (`_door`)."""
