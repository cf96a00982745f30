/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * restore_meta.c - owner, xattrs, mode, times and inode flags, in the order in
 * which none undoes another, and by descriptor.
 *
 * A change of owner takes away setuid and capabilities, so it comes first;
 * xattrs need the file still writable by us, so the mode comes after them; the
 * flag "immutable" forbids all of it, so flags come last.
 */
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "store/base/error.h"
#include "store/base/log.h"
#include "store/write/live.h"
#include "tools/restore_int.h"

static const char acl_access[] = "system.posix_acl_access";

/* What is being set, and what turned out meanwhile. */
struct setting {
	struct cr_restore *run;
	const struct cr_rmeta *meta;
	struct stat st;
	char path[40]; /* through which an O_PATH descriptor is reached */
	bool foreign;  /* it does not belong to whom it should */
	bool bare;     /* the ACL that restricts it is not on it */
};

static int failed(const struct setting *s, const char *what, int error)
{
	return cr_restore_failed(s->run, s->meta->item, what, error);
}

/* ---- Owner */

static bool change_owner(const struct setting *s, uid_t uid, gid_t gid)
{
	return fchownat(s->meta->fd, "", uid, gid, AT_EMPTY_PATH) == 0;
}

static int set_owner(struct setting *s)
{
	const struct cr_entry *e = &s->meta->item->entry;
	bool has_group = s->st.st_gid == e->gid;
	int err;

	if (s->st.st_uid == e->uid && has_group)
		return 0;
	s->foreign = true;
	if (s->run->opt->no_owner)
		return 0;
	/* To chown(), this number means "leave it". */
	if (e->uid == (uid_t)-1 || e->gid == (gid_t)-1)
		return failed(s, "owner", -EINVAL);
	s->st.st_mode = 0; /* chown() may take bits away */
	if (change_owner(s, e->uid, e->gid)) {
		s->foreign = false;
		return 0;
	}
	err = errno;
	if (err != EPERM && err != EINVAL && err != EOPNOTSUPP)
		return failed(s, "owner", -err);
	/* Who may not give files away may still choose among his groups. */
	if (!has_group && s->st.st_uid == s->run->uid)
		(void)change_owner(s, (uid_t)-1, e->gid);
	if (cr_restore_once(s->run, CR_ONCE_OWNER))
		cr_log(CR_LOG_WARNING,
		       "owners are not restored: %s (--no-owner says that this "
		       "is meant)",
		       s->run->uid == 0 ? strerrordesc_np(err)
					: "only root may give files away");
	return 0;
}

/* ---- xattrs */

static ssize_t list_names(const struct setting *s, char *out, size_t len)
{
	return s->meta->path_only ? listxattr(s->path, out, len)
				  : flistxattr(s->meta->fd, out, len);
}

static ssize_t get_value(const struct setting *s, const char *name, void *out,
			 size_t len)
{
	return s->meta->path_only ? getxattr(s->path, name, out, len)
				  : fgetxattr(s->meta->fd, name, out, len);
}

static int set_value(const struct setting *s, const char *name,
		     struct cr_piece value)
{
	int r = s->meta->path_only
			? setxattr(s->path, name, value.bytes, value.len, 0)
			: fsetxattr(s->meta->fd, name, value.bytes, value.len,
				    0);

	return r < 0 ? -errno : 0;
}

static int remove_value(const struct setting *s, const char *name)
{
	int r = s->meta->path_only ? removexattr(s->path, name)
				   : fremovexattr(s->meta->fd, name);

	return r < 0 ? -errno : 0;
}

/* Those that a snapshot would hold, if they were there when it was made. */
static bool is_ours(const char *name)
{
	return strncmp(name, "user.", 5) == 0 ||
	       strncmp(name, "trusted.", 8) == 0 ||
	       strncmp(name, "system.posix_acl_", 17) == 0 ||
	       strcmp(name, "security.capability") == 0;
}

static bool in_set(struct cr_xattrs set, const char *name)
{
	struct cr_xattr one;

	while (cr_xattr_next(&set, &one)) {
		if (strlen(name) == one.name.len &&
		    memcmp(name, one.name.bytes, one.name.len) == 0)
			return true;
	}
	return false;
}

/* Names there are now; empty where the file system has no xattrs. */
static int list_now(const struct setting *s, struct cr_buf *names)
{
	ssize_t n = list_names(s, NULL, 0);

	while (n > 0) {
		char *to;

		cr_buf_clear(names);
		to = (char *)cr_buf_extend(names, (size_t)n);
		if (!to)
			return -ENOMEM;
		n = list_names(s, to, names->len);
		if (n >= 0) {
			names->len = (size_t)n;
			return 0;
		}
		if (errno != ERANGE)
			break;
		n = list_names(s, NULL, 0);
	}
	return n < 0 && errno != EOPNOTSUPP ? -errno : 0;
}

/* Inherited from a directory's default ACL, or left from before. */
static int remove_others(const struct setting *s, const struct cr_xattrs *set)
{
	cr_cleanup(cr_buf_release) struct cr_buf names = { 0 };
	const char *name, *end;
	int r = list_now(s, &names);

	if (r < 0)
		return failed(s, "extended attributes", r);
	name = (const char *)names.bytes;
	end = name + names.len;
	for (; name < end; name += strlen(name) + 1) {
		if (!is_ours(name) || in_set(*set, name))
			continue;
		r = remove_value(s, name);
		if (r < 0 && r != -ENODATA)
			r = failed(s, name, r);
		if (r < 0 && r != -ENODATA)
			return r;
	}
	return 0;
}

static bool has_value(const struct setting *s, const char *name,
		      struct cr_piece value)
{
	cr_cleanup(cr_freep) uint8_t *now = malloc(value.len + 1);
	ssize_t n;

	if (!now)
		return false;
	n = get_value(s, name, now, value.len + 1);
	return n >= 0 && (size_t)n == value.len &&
	       (n == 0 || memcmp(now, value.bytes, value.len) == 0);
}

/* What the kernel keeps for root or for itself. */
static bool is_privileged(const char *name)
{
	return strncmp(name, "trusted.", 8) == 0 ||
	       strncmp(name, "security.", 9) == 0;
}

static int not_set(struct setting *s, const char *name, int error)
{
	if (error == -ENOMEM)
		return error;
	s->bare |= strcmp(name, acl_access) == 0;
	if (error == -EPERM && s->run->uid != 0 && is_privileged(name)) {
		if (cr_restore_once(s->run, CR_ONCE_PRIVILEGED))
			cr_log(CR_LOG_WARNING,
			       "%s and its like are not restored: only root "
			       "may set them",
			       name);
		return 0;
	}
	if (error == -EOPNOTSUPP) {
		if (!cr_restore_once(s->run, CR_ONCE_XATTR))
			return 0;
		(void)atomic_fetch_add(&s->run->count.failed, 1);
		cr_log(CR_LOG_WARNING,
		       "%s and others are not restored: the target takes no "
		       "such extended attributes",
		       name);
		return 0;
	}
	/* Not fatal, whatever it is: ENOSPC may say that this one inode is
	 * full. */
	cr_restore_warn(s->run, s->meta->item, "%s: %s", name,
			strerrordesc_np(-error));
	return 0;
}

static int set_xattrs(struct setting *s)
{
	const struct cr_buf *stored = s->meta->xattrs;
	struct cr_xattrs set = { 0 }, at;
	struct cr_xattr one;
	char name[256];
	int r = 0;

	if (!stored) {
		s->bare = true;
		return 0;
	}
	if (stored->len > 0)
		r = cr_xattrs_parse(
			(struct cr_piece){ stored->bytes, stored->len }, &set);
	if (r < 0) {
		s->bare = true;
		return cr_restore_unread(s->run, s->meta->item, r);
	}
	r = remove_others(s, &set);
	for (at = set; r == 0 && cr_xattr_next(&at, &one);) {
		(void)snprintf(name, sizeof(name), "%.*s", (int)one.name.len,
			       (const char *)one.name.bytes);
		if (!s->meta->made && has_value(s, name, one.value))
			continue;
		r = set_value(s, name, one.value);
		/* An ACL sets the mode too. */
		s->st.st_mode = 0;
		if (r < 0)
			r = not_set(s, name, r);
	}
	return r;
}

/* ---- Mode and times */

static int set_mode(const struct setting *s)
{
	const struct cr_entry *e = &s->meta->item->entry;
	mode_t mode = e->mode;
	int r;

	if (e->type == CR_ENTRY_SYMLINK)
		return 0;
	/* Not setuid for somebody else. */
	if (s->foreign && e->type != CR_ENTRY_DIRECTORY)
		mode &= ~(mode_t)(S_ISUID | S_ISGID);
	/* With an ACL these bits are its mask: more than the group may. */
	if (s->bare)
		mode &= ~(mode_t)S_IRWXG;
	if (s->st.st_mode != 0 && (s->st.st_mode & 07777) == mode)
		return 0;
	r = s->meta->path_only ? chmod(s->path, mode)
			       : fchmod(s->meta->fd, mode);
	return r < 0 ? failed(s, "mode", -errno) : 0;
}

static int set_times(const struct setting *s)
{
	const struct cr_time *want = &s->meta->item->entry.mtime;
	struct timespec times[2] = {
		{ .tv_nsec = UTIME_OMIT },
		{ .tv_sec = want->sec, .tv_nsec = (long)want->nsec },
	};

	if (s->st.st_mtim.tv_sec == times[1].tv_sec &&
	    s->st.st_mtim.tv_nsec == times[1].tv_nsec)
		return 0;
	return utimensat(s->meta->fd, "", times, AT_EMPTY_PATH) < 0
		       ? failed(s, "times", -errno)
		       : 0;
}

/* ---- Inode flags */

int cr_restore_flags(struct cr_restore *run, const struct cr_ritem *item,
		     int fd)
{
	/* The kernel writes an int, whatever the request's size says. */
	unsigned int now[2] = { 0 };
	unsigned int kept, want;

	if (run->uid != 0)
		return 0;
	want = item->entry.has & CR_HAS_FLAGS ? item->entry.flags : 0;
	kept = cr_live_flags(fd);
	if (kept == want)
		return 0;
	if (ioctl(fd, FS_IOC_GETFLAGS, now) == 0) {
		now[0] = (now[0] & ~kept) | want;
		if (ioctl(fd, FS_IOC_SETFLAGS, now) == 0)
			return 0;
	}
	if (errno != ENOTTY && errno != EOPNOTSUPP)
		return cr_restore_failed(run, item, "inode flags", -errno);
	if (cr_restore_once(run, CR_ONCE_FLAGS)) {
		(void)atomic_fetch_add(&run->count.failed, 1);
		cr_log(CR_LOG_WARNING,
		       "inode flags (immutable and such) are not restored: "
		       "the target has none");
	}
	return 0;
}

int cr_restore_meta(struct cr_restore *run, const struct cr_rmeta *meta)
{
	struct setting s = { .run = run, .meta = meta };
	int r = 0;

	(void)snprintf(s.path, sizeof(s.path), "/proc/self/fd/%d", meta->fd);
	if (fstat(meta->fd, &s.st) < 0)
		return failed(&s, "attributes", -errno);
	r = set_owner(&s);
	if (r == 0)
		r = set_xattrs(&s);
	if (r == 0)
		r = set_mode(&s);
	if (r == 0)
		r = set_times(&s);
	if (r < 0 || meta->path_only || meta->later)
		return r;
	return cr_restore_flags(run, meta->item, meta->fd);
}
