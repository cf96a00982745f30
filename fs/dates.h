/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dates.h - the top level of a mount: snapshots as dated directories, and the
 * links that lead to them.
 *
 *	snapshots/<source>/<stamp>	the only place of each snapshot
 *	latest/<source>			link to the newest of each source
 *	by-date/<day>/<source>		link to the last of that UTC day
 *	asof/<when>/<source>		link to the newest by then: dates_asof.h
 *	versions/, deleted/		histories of paths: past.h
 *	.caprock/			about this mount
 *
 * With one source chosen its dated directories stand at the root, and nothing
 * else.  What stands there may change at any time; a name never comes to mean
 * another snapshot, and what a link or file says never changes: it is another
 * one then.
 *
 * Nothing here does I/O but options.part, which is called with nothing locked.
 * One thread updates, any number ask; each function locks for itself.
 */
#ifndef FS_DATES_H
#define FS_DATES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "store/base/id.h"
#include "store/base/util.h"
#include "store/codec/format.h"

struct cr_buf;
struct cr_damage;
struct cr_dates;
struct cr_snapshot;
struct cr_snapshots;
struct cr_spot;

enum cr_date_kind {
	CR_DATE_ROOT,
	CR_DATE_SNAPSHOTS, /* snapshots/ */
	CR_DATE_SOURCE,	   /* snapshots/<source>/ */
	CR_DATE_SNAPSHOT,  /* snapshots/<source>/<stamp>/ */
	CR_DATE_LATEST,	   /* latest/ */
	CR_DATE_NEWEST,	   /* latest/<source> */
	CR_DATE_DAYS,	   /* by-date/ */
	CR_DATE_DAY,	   /* by-date/<day>/ */
	CR_DATE_LAST,	   /* by-date/<day>/<source> */
	CR_DATE_ASOF,	   /* asof/ */
	CR_DATE_ASOF_FILE, /* asof/README */
	CR_DATE_ASOF_AT,   /* asof/<when>/ */
	CR_DATE_ASOF_LAST, /* asof/<when>/<source> */
	CR_DATE_VERSIONS,  /* versions/ */
	CR_DATE_DELETED,   /* deleted/ */
	CR_DATE_PAST,	   /* versions/<source>/..., likewise deleted/ */
	CR_DATE_PAST_LINK, /* a link in one of those */
	CR_DATE_ABOUT,	   /* .caprock/ */
	CR_DATE_FILE,	   /* .caprock/<name> */
};

/*
 * One thing at the top level.  A value: compared by cr_date_equal().  The
 * snapshot is as options.part shows it, of links as it is.
 */
struct cr_date {
	enum cr_date_kind kind;
	uint32_t source; /* number of a source; FILE: of the file */
	/* DAY, LAST: since 1970; FILE: its version; ASOF_...: what was typed */
	int64_t day;
	const struct cr_snapshot *snapshot; /* SNAPSHOT, and of links */
	struct cr_spot *spot; /* PAST, PAST_LINK; whoever has it says why */
};

static inline bool cr_date_equal(const struct cr_date *a,
				 const struct cr_date *b)
{
	return a->kind == b->kind && a->source == b->source &&
	       a->day == b->day && a->snapshot == b->snapshot &&
	       a->spot == b->spot;
}

#define CR_DATE_NAME_MAX (CR_SOURCE_MAX + 1) /* the longest, with its zero */
#define CR_DATE_PATH_MAX 192

struct cr_dates_options {
	const char *only;   /* borrowed: the one source to show, or NULL */
	bool refuse_xattrs; /* leave out snapshots that have any */
	struct cr_id repository_hash; /* for inode numbers */
	struct cr_uid repository;     /* for .caprock/version */
	int64_t (*now)(void);	      /* UTC seconds; NULL: time(2) */
	struct cr_damage *damage;     /* borrowed, for damaged.txt; or NULL */
	/*
	 * Append what status.json says; or NULL.  Called with nothing locked
	 * that others wait for.  -ENOMEM.
	 */
	int (*status)(void *arg, struct cr_buf *out);
	void *arg;	   /* borrowed */
	int64_t status_ms; /* make it anew when the last one is that old */
	/*
	 * What @whole is shown as, of which a part is (part.h); NULL: all are
	 * shown as they are.
	 */
	int (*part)(void *arg, const struct cr_snapshot *whole,
		    const struct cr_snapshot **ret);
	void *part_arg; /* borrowed */
};

cr_must_check int cr_dates_new(const struct cr_dates_options *options,
			       struct cr_dates **ret);
void cr_dates_free(struct cr_dates *dates);

/*
 * Show what @set lists; where that is nothing, the root is dated @now (UTC
 * seconds).  The snapshots are borrowed for as long as @dates lives.  -ENOMEM.
 *
 * Who has kept a listing shall find in it whatever a link names.  So, but for
 * the first time, this only adds to the dated directories what came.  When all
 * were told of that, cr_dates_relink() makes the links name what @set lists;
 * and when they were told of that, cr_dates_settle() takes the directories away
 * that are not in @set any more.
 */
cr_must_check int cr_dates_update(struct cr_dates *dates,
				  const struct cr_snapshots *set, int64_t now);
void cr_dates_relink(struct cr_dates *dates);
void cr_dates_settle(struct cr_dates *dates);
/* For the updater: whether there is nothing of that left to do. */
bool cr_dates_is_settled(const struct cr_dates *dates);

/* How many snapshots are shown, and left out for their xattrs. */
void cr_dates_count(struct cr_dates *dates, size_t *shown, size_t *refused);

/* Another number whenever links may name something else. */
uint64_t cr_dates_serial(struct cr_dates *dates);
/*
 * The snapshots of a source that links may name, by time, in an array that is
 * the caller's, and which of them is the newest.  -ENOMEM, -EINTR.
 */
cr_must_check int cr_dates_source(struct cr_dates *dates, uint32_t source,
				  const struct cr_snapshot ***ret,
				  uint32_t *count, uint32_t *newest);

/* What @name is in @dir.  -ENOENT and -ENOTDIR without a sentence; -EINTR. */
cr_must_check int cr_dates_find(struct cr_dates *dates,
				const struct cr_date *dir, const char *name,
				struct cr_date *ret);

/* One name of a directory, and where to go on after it. */
struct cr_date_item {
	struct cr_date date;
	uint64_t cookie;
	char name[CR_DATE_NAME_MAX];
};

/*
 * Up to @max names of @dir that come after @cookie (0: the first ones).  A name
 * has one cookie however the directory changes, so that none that stays is
 * seen twice or left out.  Returns how many; where it is 0 an error, when it
 * could not be told what comes next: -ENOMEM, -EINTR.
 */
cr_must_check int cr_dates_list(struct cr_dates *dates,
				const struct cr_date *dir, uint64_t cookie,
				struct cr_date_item *out, size_t max);

/* Whether @date can still be found where it was. */
bool cr_dates_valid(struct cr_dates *dates, const struct cr_date *date);

bool cr_date_is_folder(const struct cr_date *date);
/* Whether it is a dated directory, or one that such directories are below. */
bool cr_date_is_dated(const struct cr_date *date);
/* Whether past.h knows what is in it, or what it is. */
bool cr_date_in_past(const struct cr_date *dir);
bool cr_date_is_past(const struct cr_date *date);
bool cr_date_is_link(const struct cr_date *date);
bool cr_date_is_file(const struct cr_date *date);

/*
 * The directory @date is in; of the root the root.  A place of the past is that
 * of @date, or held by it.
 */
struct cr_date cr_dates_parent(const struct cr_dates *dates,
			       const struct cr_date *date);

/*
 * Its name there, and its path from the root ("" for the root).  Not of what is
 * past, nor is anything below but its number.
 */
void cr_dates_name(struct cr_dates *dates, const struct cr_date *date,
		   char out[CR_DATE_NAME_MAX]);
void cr_dates_path(struct cr_dates *dates, const struct cr_date *date,
		   char out[CR_DATE_PATH_MAX]);

/* For all but snapshots, which show what was stored. */
void cr_dates_stat(struct cr_dates *dates, const struct cr_date *date,
		   struct stat *ret);
uint64_t cr_dates_ino(struct cr_dates *dates, const struct cr_date *date);

/* What a link leads to: relative, so that it holds wherever one mounts. */
void cr_dates_target(struct cr_dates *dates, const struct cr_date *date,
		     char out[CR_DATE_PATH_MAX]);

/* How long a file is, and @len of its bytes from @at: dates_about.h. */
size_t cr_dates_text_len(const struct cr_date *date);
cr_must_check int cr_dates_text(struct cr_dates *dates,
				const struct cr_date *date, uint64_t at,
				size_t len, struct cr_buf *out);

static inline void cr_dates_freep(struct cr_dates **dates)
{
	cr_dates_free(*dates);
}

#endif
