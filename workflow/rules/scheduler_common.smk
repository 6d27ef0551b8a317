"""Where Snakemake needs help with deciding which jobs to run, and when; no rule."""

from snakemake.dag import DAG


def look_at_jobs_only_when_one_ends():
    """Keep Snakemake from looking at all waiting jobs more and more often.

    Its limit of 100 new jobs per second has it look again a second after each look, for ever, and every job that ends
    adds a look of its own (snakemake/snakemake, pull request 3744): after 150 jobs that was most of a core. Jobs are
    started one after the other, here and through a cluster's commands, which is slower than the limit.
    """
    workflow.scheduler.job_rate_limiter = None


def heed_every_jobs_own_reasons():
    """Have jobs behind an ancient input looked at, too, when that input is about to be made again.

    Snakemake 9 asks no job behind one that will run for reasons of its own, such as a changed parameter, because it
    will run anyway. Behind an ancient input it will not: its reasons were overlooked until the next call, and what it
    had made with the old settings stood beside the new ones.
    """
    decide = DAG.update_needrun
    if hasattr(decide, "decides_without_help"):
        return

    def runs_anyway(dag, job):
        """A job and those behind it, up to ancient inputs."""
        found, ahead = {job}, [job]
        while ahead:
            for behind, files in dag.depending[ahead.pop()].items():
                if behind not in found and not all(file.is_ancient for file in files):
                    found.add(behind)
                    ahead.append(behind)
        return found

    async def update_needrun(dag, *arguments, **options):
        # The one search there is while Snakemake decides is for jobs that it need not ask.
        dag.bfs = lambda direction, job: runs_anyway(dag, job)
        try:
            await decide(dag, *arguments, **options)
        finally:
            del dag.bfs

    update_needrun.decides_without_help = decide
    DAG.update_needrun = update_needrun


heed_every_jobs_own_reasons()
