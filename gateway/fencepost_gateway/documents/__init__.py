"""What people author: documents, read with their places, checked, compiled for deciding."""
