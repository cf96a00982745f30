/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/serve.h"

#include <errno.h>
#include <fuse_lowlevel.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "fs/ahead.h"
#include "fs/detach.h"
#include "fs/exit.h"
#include "fs/figures.h"
#include "fs/keeper.h"
#include "fs/loop.h"
#include "fs/mount.h"
#include "fs/ops.h"
#include "fs/options.h"
#include "fs/privileges.h"
#include "fs/refresh.h"
#include "fs/sandbox.h"
#include "store/base/error.h"
#include "store/base/heap.h"
#include "store/base/log.h"
#include "store/disk/index_later.h"
#include "store/disk/repo.h"
#include "store/disk/state.h"

#define THREADS_MIN 4u

/* Opening the index takes a tenth of a second: who waits for longer may as well
 * search the packs. */
#define INDEX_MS 5000u

/* ---- The session ---- */

static int add_options(const struct cr_mount_options *options, char **ret)
{
	cr_cleanup(cr_freep) char *path = realpath(options->repository, NULL);
	cr_cleanup(cr_freep) char *fsname = NULL;
	char fixed[192];

	(void)snprintf(fixed, sizeof(fixed),
		       "ro,nosuid,nodev,noatime,default_permissions,"
		       "max_read=%u,subtype=%s%s%s%s",
		       CR_MAX_READ, CR_PROGRAM,
		       options->noexec ? ",noexec" : "",
		       options->allow_other ? ",allow_other" : "",
		       options->debug ? ",debug" : "");
	if (asprintf(&fsname, "fsname=%s", path ? path : options->repository) <
	    0) {
		fsname = NULL;
		return -ENOMEM;
	}
	if (fuse_opt_add_opt(ret, fixed) < 0 ||
	    fuse_opt_add_opt_escaped(ret, fsname) < 0)
		return -ENOMEM;
	return 0;
}

static int session_new(struct cr_mount *mount)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	cr_cleanup(cr_freep) char *options = NULL;
	struct fuse_lowlevel_ops ops;
	int r = add_options(mount->options, &options);

	if (r == 0 && (fuse_opt_add_arg(&args, CR_PROGRAM) < 0 ||
		       fuse_opt_add_arg(&args, "-o") < 0 ||
		       fuse_opt_add_arg(&args, options) < 0))
		r = -ENOMEM;
	if (r == 0) {
		cr_figures_count(&ops);
		mount->session =
			fuse_session_new(&args, &ops, sizeof(ops), mount);
		if (!mount->session)
			r = cr_fail(EINVAL, "libfuse takes no such options");
	}
	fuse_opt_free_args(&args);
	return r;
}

static unsigned int threads(const struct cr_mount_options *options)
{
	if (options->threads > 0)
		return options->threads;
	return cr_max(2 * cr_cores(), THREADS_MIN);
}

static int loop_new(struct cr_mount *mount, struct cr_loop **ret)
{
	const struct cr_loop_options options = {
		.session = mount->session,
		.threads = threads(mount->options),
		.replace = CR_LOOP_REPLACE,
		.answer = CR_LOOP_ANSWER,
	};
	int r = cr_loop_new(&options, ret);

	mount->loop = *ret;
	return r;
}

/* Returns once the mount is gone, or a signal ended it. */
static int loop(struct cr_mount *mount)
{
	struct cr_refresh *refresh = NULL;
	int r = mount->index ? cr_index_later_start(mount->index, INDEX_MS) : 0;

	if (r == 0)
		r = cr_ahead_start(mount->ahead);
	if (r == 0)
		r = cr_refresh_start(mount, &refresh);
	if (r == 0) {
		r = cr_loop_run(mount->loop);
		if (cr_mount_may_share(mount) < 0)
			r = -CR_EUSAGE; /* that ended it, in op_init() */
		else if (r < 0)
			r = cr_fail(-r, "%s: the mount ended: %s",
				    mount->options->mountpoint, cr_detail());
	}
	cr_refresh_stop(refresh);
	cr_ahead_stop(mount->ahead);
	return r;
}

/* ---- In order ---- */

/* The kernel has said hello. */
static void ready(void *arg)
{
	struct cr_mount *mount = arg;

	if (!mount->options->foreground)
		cr_detach_finish(&mount->detach);
	(void)cr_keeper_tell(mount->keeper, CR_NEWS_READY);
}

/* From here on it is as the kernel and the storage want, who may be hostile. */
static int go_in(struct cr_mount *mount)
{
	const struct cr_sandbox sandbox = {
		.repository = cr_storage_fd(mount->repo->storage),
		.state = mount->state ? cr_state_fd(mount->state) : -1,
	};
	int r = 0;

	if (!mount->options->foreground)
		r = cr_detach_prepare(&mount->detach);
	/* Where the state is not ours to write, nothing can be opened later. */
	if (mount->index && cr_privileges_are_needed_to_write(sandbox.state))
		(void)cr_index_later_get(mount->index);
	/* What is mounted can be used without a keeper, too. */
	(void)prctl(PR_SET_PDEATHSIG, 0);
	cr_mount_loaded(mount);
	return r < 0 ? r : cr_sandbox_enter(&sandbox);
}

static int serve(struct cr_mount *mount)
{
	const char *mountpoint = mount->options->mountpoint;
	int r;

	if (fuse_session_mount(mount->session, mountpoint) < 0)
		return cr_fail(EIO, "%s: could not be mounted", mountpoint);
	if (!cr_keeper_tell(mount->keeper, CR_NEWS_MOUNTED))
		return cr_fail(EPIPE, "the process that would unmount is gone");
	cr_mount_try(mount);
	r = go_in(mount);
	return r < 0 ? r : loop(mount);
}

int cr_serve(const struct cr_mount_options *options, int keeper)
{
	cr_cleanup(cr_figures_freep) struct cr_figures *figures = NULL;
	cr_cleanup(cr_mount_closep) struct cr_mount *mount = NULL;
	cr_cleanup(cr_loop_freep) struct cr_loop *loop = NULL;
	int r;

	cr_heap_prepare(options->cache_bytes);
	r = cr_mount_unlock(options, &mount);
	if (r == 0)
		r = cr_figures_new(&figures);
	if (r < 0)
		return cr_exit_status(r);
	cr_refresh_block_signals();
	mount->figures = figures;
	mount->keeper = keeper;
	mount->ready = ready;
	mount->ready_arg = mount;
	mount->detach.null = -1;
	r = cr_mount_open(mount);
	if (r == 0)
		r = session_new(mount);
	if (r == 0)
		r = loop_new(mount, &loop);
	if (r < 0)
		return cr_exit_status(r);
	r = serve(mount);
	/* It stays mounted: the keeper unmounts, we could not. */
	fuse_session_destroy(mount->session);
	return r < 0 ? cr_exit_status(r) : EXIT_SUCCESS;
}
