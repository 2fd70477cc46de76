"""Who is named as the author: where names stand on a page, which of them are people, and which paragraphs only introduce them."""
