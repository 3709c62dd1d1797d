"""Where units come from: one file per kind of site, registered by its name."""
