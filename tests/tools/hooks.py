"""What schemathesis does not know by itself."""

import schemathesis


@schemathesis.check
def nobody_gets_in(context, response, case):
    """Without a token there is nothing but refusals."""
    refusals = (401, 404, 405)
    if case.operation.path == "/api/v1/session":
        refusals += (400, 413, 429)
    assert response.status_code in refusals, f"nobody is answered with {response.status_code}"
