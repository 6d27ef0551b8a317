"""Look-ups of the plan; no rule."""

from sightline.report.plan.jobs import Job
from sightline.report.plan.room import RoomError, check_room
from sightline.report.plan.run import Run


def refuse_without_room():
    """Stop a run at its start if the disk will not hold what its jobs write."""
    if not config.get("plan", {}).get("check_disk", True):
        return
    run = Run(config, Path(bundled("resources/datasets.csv")).parent)
    jobs = [
        Job(job.rule.name, job.wildcards_dict) for job in workflow.dag.needrun_jobs()
    ]
    try:
        check_room(run, jobs)
    except RoomError as error:
        raise WorkflowError(str(error)) from None
