"""The base that the partners' simulators build on."""
