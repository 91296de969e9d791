"""Trainers: what makes a tuned model out of a training file."""
