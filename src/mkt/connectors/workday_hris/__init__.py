"""Workday HCM: people, org units, job roles and memberships, from a custom report or the REST API."""
