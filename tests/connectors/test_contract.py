from mkt.testing.contract_suite import ConnectorContract


class TestContract(ConnectorContract):
    """Every registered connector, each in all its variants."""
