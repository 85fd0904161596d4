"""HTTP that is safe to point at an address somebody typed: `qntx.net.client.send` is the way in."""
