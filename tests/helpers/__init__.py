"""What the tests share: networks, data sets, servers, workflows to try. No tests in here."""
