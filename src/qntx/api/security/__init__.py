"""What stands between a request and the routes: five small guards, each effective alone."""
