/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/key_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/base/error.h"
#include "store/base/hex.h"
#include "store/base/io.h"

#define MAGIC "caprock-key-1 "

enum {
	SLOT_AT = sizeof(MAGIC) - 1,
	SECRET_AT = SLOT_AT + 2 * CR_UID_LEN + 1,
	LINE_LEN = SECRET_AT + 2 * CR_KEY_LEN,
};

static void wipe_line(char (*line)[LINE_LEN + 2])
{
	cr_wipe(line, sizeof(*line));
}

int cr_key_file_parse(struct cr_piece text, struct cr_uid *slot,
		      struct cr_secret *secret)
{
	cr_cleanup(wipe_line) char line[LINE_LEN + 2] = { 0 };
	cr_cleanup(cr_secret_release) struct cr_secret bytes = { 0 };
	struct cr_uid id;

	if (text.len == LINE_LEN + 1 &&
	    ((const char *)text.bytes)[LINE_LEN] == '\n')
		text.len--;
	if (text.len != LINE_LEN)
		return -CR_EKEY;
	memcpy(line, text.bytes, text.len);
	if (memcmp(line, MAGIC, SLOT_AT) != 0 || line[SECRET_AT - 1] != ' ')
		return -CR_EKEY;
	line[SECRET_AT - 1] = '\0';
	bytes.bytes = cr_secret_alloc(CR_KEY_LEN);
	if (!bytes.bytes)
		return -ENOMEM;
	bytes.len = CR_KEY_LEN;
	if (cr_unhex(line + SLOT_AT, id.bytes, sizeof(id.bytes)) < 0 ||
	    cr_unhex(line + SECRET_AT, bytes.bytes, bytes.len) < 0)
		return -CR_EKEY;
	*slot = id;
	*secret = cr_take(bytes);
	return 0;
}

/* A secret that others can read is none. */
static int check_private(int fd, const char *path)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return cr_fail(errno, "%s: %m", path);
	if (!S_ISREG(st.st_mode))
		return cr_fail(CR_EKEY, "%s: not a regular file", path);
	if (st.st_mode & 077)
		return cr_fail(EPERM,
			       "%s: others can read or write it: chmod 600 it",
			       path);
	return 0;
}

int cr_key_file_read(const char *path, struct cr_uid *slot,
		     struct cr_secret *secret)
{
	cr_cleanup(cr_closep) int fd =
		open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	cr_cleanup(wipe_line) char line[LINE_LEN + 2];
	ssize_t len;
	int r;

	if (fd < 0)
		return cr_fail(errno, "%s: %m", path);
	r = check_private(fd, path);
	if (r < 0)
		return r;
	len = cr_io_read(fd, line, sizeof(line));
	if (len < 0)
		return cr_fail((int)-len, "%s: %s", path,
			       cr_strerror((int)len));
	r = cr_key_file_parse((struct cr_piece){ line, (size_t)len }, slot,
			      secret);
	return r == -CR_EKEY ? cr_fail(CR_EKEY, "%s: not a key file", path) : r;
}

int cr_key_file_make(const char *path)
{
	int fd =
		open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		     0600);

	return fd >= 0 ? fd : cr_fail(errno, "%s: %m", path);
}

/* The folder of @path, synced: else the name may be gone after a crash. */
static int sync_folder(const char *path)
{
	cr_cleanup(cr_freep) char *copy = strdup(path);
	cr_cleanup(cr_closep) int fd = -1;
	char *slash;

	if (!copy)
		return -ENOMEM;
	slash = strrchr(copy, '/');
	if (slash)
		slash[slash == copy] = '\0';
	fd = open(slash ? copy : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : cr_io_sync_folder(fd);
}

int cr_key_file_write(int fd, const char *path, const struct cr_uid *slot,
		      const struct cr_secret *secret)
{
	cr_cleanup(wipe_line) char line[LINE_LEN + 2];
	int r;

	assert(secret->len == CR_KEY_LEN);
	(void)snprintf(line, sizeof(line), MAGIC "%s ", cr_uid_hex(slot).text);
	cr_hex(secret->bytes, secret->len, line + SECRET_AT);
	line[LINE_LEN] = '\n';
	r = cr_io_write(fd, line, LINE_LEN + 1);
	if (r == 0)
		r = cr_io_sync(fd);
	if (r == 0)
		r = sync_folder(path);
	return r < 0 ? cr_fail(-r, "%s: %s", path, cr_strerror(r)) : 0;
}
