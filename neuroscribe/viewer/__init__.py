"""The microscope: a static site that shows every unit of a study (docs/design/003-the-site.md)."""

from neuroscribe.viewer.build import Options, SiteBuilt, build_site

__all__ = ["Options", "SiteBuilt", "build_site"]
