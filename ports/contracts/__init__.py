"""How everything behind a port must behave: suites that the tests of each adapter inherit."""
