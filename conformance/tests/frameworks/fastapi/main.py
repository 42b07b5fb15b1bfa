"""What the servers load: `main:app`."""

import faults
import service
import settings

app = service.create()
if settings.FAULT:
    app = faults.switch_on(settings.FAULT, app)
