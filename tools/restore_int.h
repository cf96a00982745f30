/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * restore_int.h - what the files of restore share.
 *
 * The walker (the main thread) goes through the snapshot, makes directories
 * and hands everything else in batches to workers.  A directory gets its own
 * attributes when the last use of it is gone: when the walker has left it and
 * all that lies in it is done, so children come before parents.
 *
 * Nothing outside of the target is touched: every name is used with the
 * descriptor of a directory that was opened by O_NOFOLLOW below the target, and
 * attributes are set by descriptor.  No lock is held over I/O.
 */
#ifndef TOOLS_RESTORE_INT_H
#define TOOLS_RESTORE_INT_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "store/base/buf.h"
#include "store/base/pattern.h"
#include "store/read/file.h"
#include "tools/link_groups.h"
#include "tools/restore.h"
#include "tools/target.h"

struct cr_later;
struct cr_progress;
struct cr_rdir;

/* An entry of the snapshot, copied out of its page, and where it goes. */
struct cr_ritem {
	struct cr_rdir *dir; /* a use of it; NULL for the target itself */
	uint64_t ordinal;    /* among all entries of the walk */
	struct cr_entry entry;
	struct cr_file_ref file;
	char name[]; /* terminated; then what the pieces of @entry point to */
};

enum cr_rdir_state {
	CR_RDIR_WANTED,	 /* made when something is to go into it */
	CR_RDIR_HERE,	 /* @fd is open */
	CR_RDIR_ABSENT,	 /* in a dry run: it would be made */
	CR_RDIR_SKIPPED, /* not made: nothing below it is restored */
};

struct cr_rdir {
	struct cr_ritem *self; /* owned */
	atomic_uint uses;
	/* Written by the walker before anything else has a use of it: */
	enum cr_rdir_state state;
	int fd;
	bool fresh;    /* was empty when this run began with it */
	bool settle;   /* is to get the attributes of the snapshot */
	bool included; /* by --include, with all that is in it */
};

struct cr_restore_count {
	atomic_uint_fast64_t files; /* with their content */
	atomic_uint_fast64_t bytes;
	atomic_uint_fast64_t others; /* symlinks, devices, FIFOs, sockets */
	atomic_uint_fast64_t directories;
	atomic_uint_fast64_t linked;	/* hard links to a restored file */
	atomic_uint_fast64_t copied;	/* where no link could be made */
	atomic_uint_fast64_t kept;	/* there was something: --overwrite */
	atomic_uint_fast64_t unchanged; /* files that were there as stored */
	atomic_uint_fast64_t failed;	/* warnings: something is not back */
	atomic_uint_fast64_t damaged;
	atomic_uint_fast64_t verified;
	atomic_uint_fast64_t differing;
};

/* What is told once, however many entries it concerns. */
enum cr_restore_once {
	CR_ONCE_OWNER,
	CR_ONCE_PRIVILEGED,
	CR_ONCE_XATTR,
	CR_ONCE_FLAGS,
	CR_ONCES,
};

struct cr_batch;
struct cr_big;

/* Batches on their way to the workers. */
struct cr_restore_work {
	pthread_t *thread; /* owned */
	unsigned int threads;
	struct cr_batch *filling; /* owned; the walker's */
	pthread_cond_t filled;	  /* there is work, or there will be none */
	pthread_cond_t emptied;	  /* a batch was taken or done */
	struct cr_batch *first, *last; /* owned; under: lock */
	unsigned int waiting;	       /* batches; under: lock */
	unsigned int busy;	       /* workers with a batch; under: lock */
	struct cr_big *big;	       /* borrowed list; under: lock */
	bool closed;		       /* under: lock */
};

struct cr_restore {
	struct cr_context *ctx;		      /* borrowed */
	const struct cr_restore_options *opt; /* borrowed */
	enum cr_overwrite overwrite;
	struct cr_session session;
	struct cr_target target;
	struct cr_patterns include;
	struct cr_patterns exclude;
	char *top;     /* owned; what stood before the paths at the source */
	char *prefix;  /* owned; what stands before them in the snapshot */
	int target_fd; /* owned; -1 in a dry run where it would be made */
	bool target_fresh;	/* there was nothing in it */
	bool target_settle;	/* it is to get the attributes of its entry */
	struct cr_links *links; /* owned */
	struct cr_progress *progress; /* owned */
	const atomic_bool *interrupted;
	int (*each)(struct cr_restore *run, const struct cr_ritem *item);
	struct cr_restore_count count;
	struct cr_restore_work work;
	uid_t uid;
	unsigned int depth_max; /* of directories in each other */
	unsigned int open_max;	/* of directories that wait for a worker */
	uint64_t temp_run;	/* random: of the temporary names */
	atomic_uint_fast64_t temp_next;
	atomic_uint open_dirs;
	atomic_bool once[CR_ONCES];
	atomic_bool stopped;
	pthread_mutex_t lock;
	int error;		/* under: lock; what stopped it */
	char why[512];		/* under: lock */
	struct cr_later *later; /* owned; under: lock */
	struct cr_buf done; /* under: lock; bits by ordinal: to be verified */
	char current[256];  /* under: lock; for the progress line */
};

/* ---- restore.c: what is said */

/* Something is not back; @item is named. */
cr_printf(3, 4) void cr_restore_warn(struct cr_restore *run,
				     const struct cr_ritem *item,
				     const char *fmt, ...);
/* The same of what is damaged, for the reason that cr_detail() gives. */
void cr_restore_damaged(struct cr_restore *run, const struct cr_ritem *item);
/* For a person who asked for more: what was done with @item. */
void cr_restore_tell(struct cr_restore *run, const struct cr_ritem *item,
		     const char *what);
/* Whether it is the first time that this is to be told. */
bool cr_restore_once(struct cr_restore *run, enum cr_restore_once what);

/* What goes wrong with the target: 0 where only @item suffers, and was named;
 * else @error, with a sentence. */
cr_must_check int cr_restore_failed(struct cr_restore *run,
				    const struct cr_ritem *item,
				    const char *what, int error);
/* The same for what is read from the repository. */
cr_must_check int cr_restore_unread(struct cr_restore *run,
				    const struct cr_ritem *item, int error);

/* Stop all threads; the first error is what the run ends with. */
void cr_restore_stop(struct cr_restore *run, int error);
static inline bool cr_restore_stopped(const struct cr_restore *run)
{
	return atomic_load_explicit(&run->stopped, memory_order_relaxed) ||
	       atomic_load_explicit(run->interrupted, memory_order_relaxed);
}

/* The path of @item below the target, terminated, in @out. */
cr_must_check int cr_ritem_path(const struct cr_ritem *item,
				struct cr_buf *out);

/* ---- restore_walk.c */

/* Go through the snapshot; with @again, for verification. */
cr_must_check int cr_restore_walk(struct cr_restore *run, bool again);

/* ---- restore_dir.c */

/* A copy of @entry that goes into @dir, of which it becomes a use. */
struct cr_ritem *cr_ritem_new(struct cr_rdir *dir,
			      const struct cr_entry *entry);
void cr_ritem_free(struct cr_restore *run, struct cr_ritem *item);

/* Takes @self, also on failure.  The result has one use. */
struct cr_rdir *cr_rdir_new(struct cr_restore *run, struct cr_ritem *self);
void cr_rdir_use(struct cr_rdir *dir);
/* The last use gives it its attributes and closes it. */
void cr_rdir_drop(struct cr_restore *run, struct cr_rdir *dir);

/* Open --target, or make it; find out whether it may be used. */
cr_must_check int cr_restore_open_target(struct cr_restore *run);
/* The directory it is, with one use; NULL without memory. */
struct cr_rdir *cr_rdir_root(struct cr_restore *run, bool settle_it);
/*
 * Make @dir in its parent, which is there, or go into what exists.  Afterwards
 * it is in any state but WANTED.  An error is one that ends the run.
 */
cr_must_check int cr_rdir_make(struct cr_restore *run, struct cr_rdir *dir);
/* Only open what this run made or went into; else it is SKIPPED. */
cr_must_check int cr_rdir_reopen(struct cr_restore *run, struct cr_rdir *dir);

/* ---- restore_work.c */

cr_must_check int cr_work_start(struct cr_restore *run);
/* Takes @item, also on failure. */
cr_must_check int cr_work_push(struct cr_restore *run, struct cr_ritem *item);
/* Wait until everything pushed so far is done. */
void cr_work_drain(struct cr_restore *run);
/* Do, or after a stop drop, what is left; end the threads. */
void cr_work_finish(struct cr_restore *run);

/* ---- restore_entry.c */

/* What to do about something that has the name already. */
enum cr_verdict {
	CR_VERDICT_NEW,
	CR_VERDICT_REPLACE,
	CR_VERDICT_KEEP,
};
enum cr_verdict cr_restore_verdict(const struct cr_restore *run,
				   const struct cr_entry *entry,
				   const struct stat *there);

/* Restore anything but a directory.  An error is one that ends the run. */
cr_must_check int cr_restore_item(struct cr_restore *run,
				  const struct cr_ritem *item);

/* The name of a temporary file of this run. */
struct cr_temp {
	char name[64];
};
struct cr_temp cr_restore_temp(struct cr_restore *run);
/* Whether some run of restore gave this name. */
bool cr_temp_named(const char *name);

/* ---- restore_file.c */

/* A file that is being written, and which side failed. */
struct cr_copy {
	struct cr_restore *run;
	const struct cr_file *file;
	int fd;
	bool target;
};

/*
 * Write the content to copy->fd, which is empty.  -EINTR: the run was stopped.
 */
cr_must_check int cr_restore_content(struct cr_copy *copy);
/* Write a piece of a large file that another worker is at; false: none is.
 * Under: lock, given up meanwhile. */
bool cr_restore_help(struct cr_restore *run);

/* ---- restore_meta.c */

/* An object of the target that is to get the attributes of @item. */
struct cr_rmeta {
	const struct cr_ritem *item;
	const struct cr_buf *xattrs; /* the set; NULL: it could not be read */
	int fd;
	bool path_only; /* opened by O_PATH */
	bool made;	/* by this run: nobody else's attributes are on it */
	bool later;	/* inode flags are: they may forbid links and renames */
};
cr_must_check int cr_restore_meta(struct cr_restore *run,
				  const struct cr_rmeta *meta);
/* The inode flags alone. */
cr_must_check int cr_restore_flags(struct cr_restore *run,
				   const struct cr_ritem *item, int fd);

/* ---- restore_links.c */

/* Open the directory of @at below the target, and its name in it.  -errno. */
cr_must_check int cr_link_at_open(const struct cr_restore *run,
				  const struct cr_link_at *at, int *dir,
				  const char **name);
/* Remember the inode flags of @item, a file of a group, that lies at @at. */
cr_must_check int cr_restore_later(struct cr_restore *run,
				   const struct cr_ritem *item,
				   const struct cr_link_at *at);
/* Every link is made: set those flags.  After a stop, only forget them. */
cr_must_check int cr_restore_settle_later(struct cr_restore *run);

/* ---- restore_verify.c */

/* Remember that @item has to be as it was stored. */
void cr_restore_mark(struct cr_restore *run, const struct cr_ritem *item);
bool cr_restore_marked(struct cr_restore *run, uint64_t ordinal);
cr_must_check int cr_restore_verify_item(struct cr_restore *run,
					 const struct cr_ritem *item);

#endif
