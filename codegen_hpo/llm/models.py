"""What an endpoint offers."""

from codegen_hpo.llm.endpoint import Endpoint
from codegen_hpo.llm.faults import WireError, explain
from codegen_hpo.llm.wire import Wire


def list_models(endpoint: Endpoint, deadline_s: float = 10.0) -> list[str]:
    """The names of the models under /models, asked for once. Raises EndpointError."""
    wire = Wire(endpoint)
    try:
        return wire.models(deadline_s)
    except WireError as fault:
        raise explain(fault, endpoint, attempts=1) from None
    finally:
        wire.close()
