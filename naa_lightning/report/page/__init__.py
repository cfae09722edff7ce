"""Pages that open from disk and show everything a run, a study or a sweep found: `report.html`."""
