"""What the publisher reserves: in headers, in the page, and in the well-known file of the site."""
