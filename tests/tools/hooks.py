"""What schemathesis does not know by itself."""

import schemathesis


@schemathesis.check
def nobody_gets_in(context, response, case):
    """Without a token there is nothing but refusals."""
    assert response.status_code in (401, 404, 405), f"nobody is answered with {response.status_code}"
