/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * restore_entry.c - anything but a directory: made under a temporary name,
 * given its attributes, and then its name, so that nothing unfinished has it.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "store/base/error.h"
#include "store/base/io.h"
#include "store/base/log.h"
#include "tools/restore_int.h"

#define TEMP_PREFIX ".caprock-restore-"

/* One entry on its way. */
struct making {
	struct cr_restore *run;
	const struct cr_ritem *item;
	int dir;	   /* borrowed; where it goes */
	bool replace;	   /* something has the name, and goes */
	struct stat there; /* what that is */
	struct cr_buf xattrs;
	struct cr_temp temp;
	bool unfinished; /* there is something of the temporary name */
	int fd;
	struct stat st;	      /* of what was made */
	struct cr_link_at at; /* where the file of its group lies */
	bool placed;	      /* it has its name, or is a link */
	bool lost;	      /* its content is damaged */
};

static void making_release(struct making *m)
{
	cr_closep(&m->fd);
	if (m->unfinished)
		(void)cr_io_unlink(m->dir, m->temp.name);
	cr_buf_release(&m->xattrs);
	cr_link_at_release(&m->at);
}

/*
 * Functions here return 0 to go on, 1 when this entry is given up and that was
 * told, or an error that ends the run.
 */
static int given_up(int r)
{
	return r < 0 ? r : 1;
}

static int failed(const struct making *m, const char *what, int error)
{
	return given_up(cr_restore_failed(m->run, m->item, what, error));
}

static int unread(struct making *m, int error)
{
	m->lost = cr_is_damage(error);
	return given_up(cr_restore_unread(m->run, m->item, error));
}

struct cr_temp cr_restore_temp(struct cr_restore *run)
{
	struct cr_temp temp;

	(void)snprintf(temp.name, sizeof(temp.name),
		       TEMP_PREFIX "%016" PRIx64 "-%" PRIxFAST64, run->temp_run,
		       atomic_fetch_add(&run->temp_next, 1));
	return temp;
}

bool cr_temp_named(const char *name)
{
	static const char digits[] = "0123456789abcdef";
	size_t len = strlen(TEMP_PREFIX);

	if (strncmp(name, TEMP_PREFIX, len) != 0 ||
	    strspn(name + len, digits) != 16)
		return false;
	name += len + 16;
	return name[0] == '-' && name[1] != '\0' &&
	       name[1 + strspn(name + 1, digits)] == '\0';
}

/* ---- What is there already */

enum cr_verdict cr_restore_verdict(const struct cr_restore *run,
				   const struct cr_entry *entry,
				   const struct stat *there)
{
	const struct timespec *t = &there->st_mtim;

	switch (run->overwrite) {
	case CR_OVERWRITE_ALWAYS:
		return CR_VERDICT_REPLACE;
	case CR_OVERWRITE_OLDER:
		return t->tv_sec < entry->mtime.sec ||
				       (t->tv_sec == entry->mtime.sec &&
					t->tv_nsec < (long)entry->mtime.nsec)
			       ? CR_VERDICT_REPLACE
			       : CR_VERDICT_KEEP;
	case CR_OVERWRITE_NEVER:
	default:
		return CR_VERDICT_KEEP;
	}
}

/* Kept is given up too. */
static int look(struct making *m)
{
	const struct cr_ritem *item = m->item;

	if (item->dir->fresh)
		return 0;
	if (fstatat(m->dir, item->name, &m->there, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno == ENOENT)
			return 0;
		return failed(m, NULL, -errno);
	}
	if (cr_restore_verdict(m->run, &item->entry, &m->there) ==
	    CR_VERDICT_KEEP) {
		(void)atomic_fetch_add(&m->run->count.kept, 1);
		cr_restore_tell(m->run, item, "kept");
		return 1;
	}
	m->replace = true;
	return 0;
}

static bool looks_unchanged(const struct cr_entry *entry, const struct stat *st)
{
	/* What has other names may be somebody else's file. */
	return entry->type == CR_ENTRY_FILE && !(entry->has & CR_HAS_LINK) &&
	       S_ISREG(st->st_mode) && st->st_nlink == 1 &&
	       (uint64_t)st->st_size == entry->size &&
	       st->st_mtim.tv_sec == entry->mtime.sec &&
	       st->st_mtim.tv_nsec == (long)entry->mtime.nsec;
}

/* A file that is there as it was stored gets its attributes only: 1. */
static int keep_unchanged(struct making *m)
{
	struct cr_rmeta meta = { .item = m->item, .xattrs = &m->xattrs };
	int r;

	if (!m->replace || !looks_unchanged(&m->item->entry, &m->there))
		return 0;
	m->fd = cr_io_open(m->dir, m->item->name, O_RDONLY, 0);
	if (m->fd < 0 || fstat(m->fd, &m->st) < 0 ||
	    !looks_unchanged(&m->item->entry, &m->st)) {
		cr_closep(&m->fd);
		return 0;
	}
	meta.fd = m->fd;
	r = cr_restore_meta(m->run, &meta);
	if (r < 0)
		return r;
	(void)atomic_fetch_add(&m->run->count.unchanged, 1);
	cr_restore_mark(m->run, m->item);
	cr_restore_tell(m->run, m->item, "unchanged");
	return 1;
}

/* ---- Names */

/* Where the file system cannot rename without replacing. */
static int rename_checked(const struct making *m)
{
	struct stat st;

	if (fstatat(m->dir, m->item->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return -EEXIST;
	return cr_io_rename(m->dir, m->temp.name, m->item->name, 0);
}

/* Give what is finished its name. */
static int place(struct making *m)
{
	int r;

	if (m->replace && S_ISDIR(m->there.st_mode) &&
	    unlinkat(m->dir, m->item->name, AT_REMOVEDIR) < 0 &&
	    errno != ENOENT)
		return failed(m, "a directory is in the way", -errno);
	r = cr_io_rename(m->dir, m->temp.name, m->item->name,
			 m->replace ? 0 : RENAME_NOREPLACE);
	if (r == -EINVAL && !m->replace)
		r = rename_checked(m);
	if (r == -EEXIST)
		return failed(m, "left out: the name is taken", r);
	if (r < 0)
		return failed(m, NULL, r);
	m->unfinished = false;
	m->placed = true;
	return 0;
}

/* Inode flags come when it has its name, or all its names. */
static int finish(struct making *m)
{
	const struct cr_entry *e = &m->item->entry;

	if (e->has & CR_HAS_LINK) {
		m->at.device = m->st.st_dev;
		m->at.inode = m->st.st_ino;
		if (cr_ritem_path(m->item, &m->at.path) < 0)
			return -ENOMEM;
	}
	if (e->type != CR_ENTRY_FILE)
		return 0;
	if (e->has & CR_HAS_LINK && e->nlink > 1)
		return e->has & CR_HAS_FLAGS
			       ? cr_restore_later(m->run, m->item, &m->at)
			       : 0;
	return cr_restore_flags(m->run, m->item, m->fd);
}

/* ---- Making */

static int make_file(struct making *m)
{
	cr_cleanup(cr_file_closep) struct cr_file *file = NULL;
	struct cr_copy copy = { .run = m->run };
	int r = cr_file_open(m->run->session.reader, &m->run->target.view,
			     &m->item->file, &file);

	if (r < 0)
		return unread(m, r);
	cr_file_read_once(file);
	m->fd = openat(m->dir, m->temp.name,
		       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		       0600);
	if (m->fd < 0)
		return failed(m, NULL, -errno);
	m->unfinished = true;
	copy.file = file;
	copy.fd = m->fd;
	r = cr_restore_content(&copy);
	if (r == 0)
		return 0;
	if (r == -EINTR)
		return 1; /* who stopped the run says so */
	return copy.target ? failed(m, NULL, r) : unread(m, r);
}

static int make_node(const struct making *m)
{
	static const mode_t type[] = {
		[CR_ENTRY_CHAR] = S_IFCHR,
		[CR_ENTRY_BLOCK] = S_IFBLK,
		[CR_ENTRY_FIFO] = S_IFIFO,
		[CR_ENTRY_SOCKET] = S_IFSOCK,
	};
	const struct cr_entry *e = &m->item->entry;

	return mknodat(m->dir, m->temp.name, type[e->type] | 0600,
		       makedev(e->dev_major, e->dev_minor));
}

/* Symlinks and special files: the descriptor stands for the thing itself. */
static int make_other(struct making *m)
{
	cr_cleanup(cr_buf_release) struct cr_buf link = { 0 };
	const struct cr_entry *e = &m->item->entry;
	int r = 0;

	if (e->type == CR_ENTRY_SYMLINK) {
		r = cr_entry_target(m->run->session.reader,
				    &m->run->target.view, e, &link);
		if (r < 0)
			return unread(m, r);
		cr_buf_u8(&link, 0);
		if (cr_buf_error(&link) < 0)
			return -ENOMEM;
		r = symlinkat((char *)link.bytes, m->dir, m->temp.name);
	} else {
		r = make_node(m);
	}
	if (r < 0)
		return failed(m, NULL, -errno);
	m->unfinished = true;
	m->fd = openat(m->dir, m->temp.name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return m->fd < 0 ? failed(m, NULL, -errno) : 0;
}

/* Whether the open thing is what was made: nobody swapped it meanwhile. */
static int check_own(struct making *m)
{
	const struct cr_entry *e = &m->item->entry;

	if (fstat(m->fd, &m->st) < 0)
		return failed(m, NULL, -errno);
	if (m->st.st_nlink != 1 || S_ISDIR(m->st.st_mode) ||
	    (e->type == CR_ENTRY_FILE) != S_ISREG(m->st.st_mode) ||
	    (e->type == CR_ENTRY_SYMLINK) != S_ISLNK(m->st.st_mode))
		return failed(m, "swapped while it was made", -ESTALE);
	return 0;
}

static int make(struct making *m)
{
	bool file = m->item->entry.type == CR_ENTRY_FILE;
	struct cr_rmeta meta = {
		.item = m->item,
		.xattrs = &m->xattrs,
		.path_only = !file,
		.made = true,
		.later = true,
	};
	int r;

	m->temp = cr_restore_temp(m->run);
	r = file ? make_file(m) : make_other(m);
	if (r == 0)
		r = check_own(m);
	if (r == 0) {
		meta.fd = m->fd;
		r = cr_restore_meta(m->run, &meta);
	}
	if (r == 0)
		r = place(m);
	if (r == 0)
		r = finish(m);
	if (r != 0)
		return r;
	(void)atomic_fetch_add(
		file ? &m->run->count.files : &m->run->count.others, 1);
	if (file)
		cr_restore_mark(m->run, m->item);
	cr_restore_tell(m->run, m->item, m->replace ? "replaced" : "restored");
	return 0;
}

/* ---- Hard links */

/* Errors with which a copy is the next best. */
static bool copy_instead(int error)
{
	switch (-error) {
	case EMLINK:
	case EXDEV:
	case EPERM:
	case EACCES:
	case EOPNOTSUPP:
	case ENOSYS:
	case ESTALE:
	case ENOENT:
	case ENOTDIR:
	case ELOOP:
		return true;
	default:
		return false;
	}
}

/* Under @name, to the file that was found; never to what took its place. */
static int link_as(const struct making *m, const char *name)
{
	cr_cleanup(cr_closep) int dir = -1;
	const char *old;
	struct stat st;
	int r = cr_link_at_open(m->run, &m->at, &dir, &old);

	if (r < 0)
		return r;
	if (fstatat(dir, old, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (st.st_dev != m->at.device || st.st_ino != m->at.inode)
		return -ESTALE;
	if (linkat(dir, old, m->dir, name, 0) < 0)
		return -errno;
	if (fstatat(m->dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (st.st_dev == m->at.device && st.st_ino == m->at.inode)
		return 0;
	(void)cr_io_unlink(m->dir, name);
	return -ESTALE;
}

/* Also an error after which a copy is made. */
static int make_link(struct making *m)
{
	int r;

	if (m->replace && m->there.st_dev == m->at.device &&
	    m->there.st_ino == m->at.inode) {
		m->placed = true;
		return 0;
	}
	if (!m->replace) {
		r = link_as(m, m->item->name);
		m->placed = r == 0;
		return r == -EEXIST
			       ? failed(m, "left out: the name is taken", r)
			       : r;
	}
	m->temp = cr_restore_temp(m->run);
	r = link_as(m, m->temp.name);
	if (r < 0)
		return r;
	m->unfinished = true;
	r = place(m);
	/* Renaming one link of a file to another leaves both. */
	(void)cr_io_unlink(m->dir, m->temp.name);
	m->unfinished = false;
	return r;
}

static int lost_with_another(struct making *m)
{
	return unread(m, cr_fail(CR_ECORRUPT, "one file with another name, "
					      "which is damaged"));
}

static int tell_copy(const struct making *m, int error)
{
	cr_cleanup(cr_buf_release) struct cr_buf path = { 0 };

	(void)atomic_fetch_add(&m->run->count.copied, 1);
	if (cr_ritem_path(m->item, &path) < 0)
		return -ENOMEM;
	cr_log(CR_LOG_WARNING, "%s: restored as a copy, not a hard link: %s",
	       (const char *)path.bytes, strerrordesc_np(-error));
	return 0;
}

static int first_of_group(struct making *m)
{
	int r = make(m);

	cr_links_done(m->run->links, &m->item->entry, m->placed ? &m->at : NULL,
		      m->lost);
	return r;
}

static int restore_linked(struct making *m)
{
	bool again = false;

	for (;;) {
		int r = cr_links_claim(m->run->links, &m->item->entry, again,
				       &m->at);

		if (r < 0)
			return r;
		if (r == CR_LINK_FIRST)
			return first_of_group(m);
		if (r == CR_LINK_LOST)
			return lost_with_another(m);
		r = make_link(m);
		if (r == 0) {
			(void)atomic_fetch_add(&m->run->count.linked, 1);
			cr_restore_tell(m->run, m->item, "linked");
		}
		if (r >= 0)
			return r;
		if (!copy_instead(r))
			return failed(m, "link", r);
		r = tell_copy(m, r);
		if (r < 0)
			return r;
		again = true;
	}
}

int cr_restore_item(struct cr_restore *run, const struct cr_ritem *item)
{
	cr_cleanup(making_release) struct making m = {
		.run = run,
		.item = item,
		.dir = item->dir->fd,
		.fd = -1,
	};
	int r = look(&m);

	if (r != 0)
		return r < 0 ? r : 0;
	r = cr_entry_xattrs(run->session.reader, &run->target.view,
			    &item->entry, &m.xattrs);
	if (r < 0)
		return unread(&m, r) < 0 ? r : 0;
	r = keep_unchanged(&m);
	if (r == 0)
		r = item->entry.has & CR_HAS_LINK ? restore_linked(&m)
						  : make(&m);
	return r < 0 ? r : 0;
}
