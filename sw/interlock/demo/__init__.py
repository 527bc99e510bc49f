"""The main job: a cluster trains a classifier of handwritten digits, and exports it with its count."""
