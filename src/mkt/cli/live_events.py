"""Events on a terminal, a line each, as `mkt events --follow` shows them."""

from mkt.cli.present import print_page
from mkt.contract import ConnectorEvent
from mkt.output.tables import event_line


class EventLines:
    """A sink that prints each event when it comes."""

    def __call__(self, event: ConnectorEvent) -> None:
        print_page([event_line(event)])

    def close(self) -> None:
        """Nothing is buffered."""
