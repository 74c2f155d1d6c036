"""A project to play in: the examples, with a simulated partner on loopback for each integration."""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from mkt.cli.wiring import build_registry, build_source
from mkt.contract import ConnectorConfiguration, Manifest
from mkt.secrets.base import Reference
from mkt.settings import ProjectSettings
from mkt.simulation.base import Simulator
from mkt.testing.simulators import simulator_of

EXAMPLES: Final = Path(__file__).parents[1] / "examples"
"""A project: mkt.toml and configs/."""
EXPIRED: Final = "acme"
"""The tenant whose password is wrong."""
_WRONG: Final = "a-password-that-has-expired"
_SMALLEST: Final = 80
_STEP: Final = 60
"""Each partner has so many more people than the one before, so that the counts can be told apart."""


@contextmanager
def staged(project: Path) -> Iterator[dict[str, str]]:
    """Copy the examples into a folder, start their partners, and yield the environment that `mkt` runs in."""
    _copy_examples(project)
    registry, variables = build_registry(), dict[str, str]()
    # Only the root is given, so that neither the variables nor the files of another project count here.
    source = build_source(ProjectSettings.model_construct(root=project))
    with ExitStack() as partners:
        for number, configuration in enumerate(source.load().configurations):
            connector = registry[configuration.connector]
            partner = partners.enter_context(simulator_of(connector)(_SMALLEST + _STEP * number))
            variant = _variant(partner, configuration)
            _redirect(project, configuration, partner.settings(variant))
            variables |= _credentials(configuration, partner.secrets(variant), connector.require_manifest())
        yield _environment(variables)


def _copy_examples(project: Path) -> None:
    for path in (EXAMPLES / "mkt.toml", *EXAMPLES.glob("configs/**/*.yaml")):
        copy = project / path.relative_to(EXAMPLES)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())  # the content alone: an installation may be read-only


def _variant(partner: Simulator, configuration: ConnectorConfiguration) -> str:
    """Return the way of being set up that is nearest to what the file says."""

    def distance(variant: str) -> tuple[int, int]:
        secrets, settings = partner.secrets(variant).keys(), partner.settings(variant).keys()
        return len(secrets ^ configuration.secrets.keys()), len(settings ^ configuration.settings.keys())

    return min(partner.variants, key=distance)


def _redirect(project: Path, configuration: ConnectorConfiguration, simulated: Mapping[str, Any]) -> None:
    """Write the simulator's address, and the names it goes by, where the file has the real partner's."""
    for key, value in simulated.items():
        written = configuration.settings.get(key)
        if isinstance(written, str) and isinstance(value, str) and written != value:
            path, _, number = configuration.place(f"settings.{key}").rpartition(":")
            lines = (project / path).read_text(encoding="utf-8").splitlines(keepends=True)
            lines[int(number) - 1] = lines[int(number) - 1].replace(written, value)
            (project / path).write_text("".join(lines), encoding="utf-8")


def _credentials(
    configuration: ConnectorConfiguration, values: Mapping[str, str], manifest: Manifest
) -> dict[str, str]:
    """Return the variables that the file's references name, with the values that the partner accepts."""
    variables = {Reference.parse(text).locator: values[name] for name, text in configuration.secrets.items()}
    if configuration.tenant == EXPIRED:
        sensitive = {secret.name for secret in manifest.secrets if secret.sensitive}
        wrong = {Reference.parse(configuration.secrets[name]).locator for name in sensitive & values.keys()}
        variables |= dict.fromkeys(wrong, _WRONG)
    return variables


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return this process's variables without what would lead `mkt` elsewhere: another project, keyring or CI."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("MKT_", "GITHUB_"))}
    return {**own, **variables, "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
