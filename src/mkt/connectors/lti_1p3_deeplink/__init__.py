"""LTI 1.3 platforms (learning management systems): names and roles of courses."""
