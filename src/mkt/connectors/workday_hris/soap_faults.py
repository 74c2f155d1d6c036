"""What a SOAP fault means that is neither about credentials nor about rights.

The HTTP status is 500 for all of them. A faultcode of `Client` is about the request: the same one would fail again,
and trying again may lock the user. Any other is Workday's own.
"""

from mkt.connectors.workday_hris.soap_xml import Fault
from mkt.contract import ConfigError, ConnectorError, LocalError, PartnerError, TransientError


def error_of(fault: Fault) -> ConnectorError:
    """Return the error; only a server's fault is worth a second try."""
    if fault.is_validation:
        return _clock(fault) if "current moment" in fault.said.lower() else _validation(fault)
    if not fault.is_ours:
        return TransientError(
            f"Workday could not process the request: {fault.said}",
            remedy="Nothing to do yet: it is tried again; if it stays, ask for a smaller `page_size` and see"
            " Workday's status page.",
            code="workday.server_fault",
        )
    return PartnerError(
        f"Workday refuses the request ({fault.code}): {fault.said}",
        remedy="Compare `soap_version` and `page_size` with Workday's documentation; if they are right, give"
        " Workday's support this line.",
        code="workday.refused",
    )


def _validation(fault: Fault) -> ConnectorError:
    return ConfigError(
        f"Workday finds the request not valid: {fault.said}",
        remedy="Correct the setting that it names (`soap_version`, `page_size`). If a moment is refused,"
        " a sync with --full begins anew.",
        code="workday.validation",
    )


def _clock(fault: Fault) -> ConnectorError:
    return LocalError(
        f"our clock is more than five minutes ahead of Workday's: {fault.said}",
        remedy="Set this machine's clock (NTP); the next sync asks again.",
        code="workday.clock_ahead",
    )
