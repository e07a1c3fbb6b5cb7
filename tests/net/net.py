"""All cases of the net suite; each file beside this one holds those of one subject."""

import contextlib
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import case_alarms  # noqa: E402
import case_control  # noqa: E402
import case_fleet  # noqa: E402
import case_frames  # noqa: E402
import case_life  # noqa: E402
import case_load  # noqa: E402
import case_oftp  # noqa: E402
import case_oftp_bounds  # noqa: E402
import case_oftp_login  # noqa: E402
import case_oftp_session  # noqa: E402
import case_oftp_streams  # noqa: E402
import case_oftp_torture  # noqa: E402
import case_peer  # noqa: E402
import case_ports  # noqa: E402
import case_refusals  # noqa: E402
import case_relp  # noqa: E402
import case_send  # noqa: E402
import case_tcp  # noqa: E402
import case_tls  # noqa: E402
import case_trust  # noqa: E402
import case_wire  # noqa: E402
from cases import Suite  # noqa: E402

suite = Suite("net")
for module in (case_wire, case_tcp, case_relp, case_send, case_oftp, case_oftp_login, case_oftp_session,
               case_oftp_bounds, case_oftp_streams, case_oftp_torture, case_refusals,
               case_control, case_life, case_load, case_peer, case_ports,
               case_frames, case_trust, case_alarms, case_tls, case_fleet):
    suite.cases += module.CASES


@contextlib.contextmanager
def nothing():
    """Each case makes its own stage, as it wants another configuration."""
    yield None


if __name__ == "__main__":
    sys.exit(suite.main(nothing))
