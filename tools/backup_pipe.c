/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/backup_pipe.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/base/error.h"

extern char **environ;

static int spawn(char *const *argv, int out, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	int r = posix_spawn_file_actions_init(&actions);

	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, out,
						     STDOUT_FILENO);
	if (r == 0)
		r = posix_spawnp(pid, argv[0], &actions, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (r != 0)
		return cr_fail(CR_ESOURCE, "%s: %s", argv[0],
			       strerrordesc_np(r));
	return 0;
}

/* How it ended; a half-written dump must not look like a whole one. */
static int reap(const char *name, pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return cr_fail(errno, "%s: %m", name);
	if (WIFSIGNALED(status))
		return cr_fail(CR_ESOURCE,
			       "%s was killed by signal %d: nothing is stored",
			       name, WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return cr_fail(CR_ESOURCE,
			       "%s ended with status %d: nothing is stored",
			       name, WEXITSTATUS(status));
	return 0;
}

int cr_backup_command(struct cr_ingest *ingest, const char *name,
		      char *const *argv, struct cr_manifest *manifest)
{
	cr_cleanup(cr_closep) int from = -1;
	int ends[2];
	pid_t pid;
	int r, ended;

	if (!argv[0])
		return cr_fail(CR_EUSAGE, "--stdin-command NAME -- COMMAND");
	if (pipe2(ends, O_CLOEXEC) < 0)
		return cr_fail(errno, "pipe: %m");
	from = ends[0];
	r = spawn(argv, ends[1], &pid);
	cr_closep(&ends[1]);
	if (r < 0)
		return r;
	r = cr_ingest_run_stream(ingest, from, name, manifest);
	/* Let it end by a broken pipe when we stopped reading. */
	cr_closep(&from);
	if (r < 0) {
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		return r;
	}
	ended = reap(argv[0], pid);
	return ended;
}
