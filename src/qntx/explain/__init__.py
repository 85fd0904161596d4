"""Why a job or a schedule is where it is, and what happens next."""
