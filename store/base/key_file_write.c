/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/key_file_write.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/base/error.h"
#include "store/base/hex.h"
#include "store/base/io.h"

#define LINE_ROOM 160

static void format(const struct cr_uid *slot, const struct cr_secret *secret,
		   char out[LINE_ROOM])
{
	char hex[2 * CR_KEY_FILE_SECRET + 1];

	cr_hex(secret->bytes, CR_KEY_FILE_SECRET, hex);
	(void)snprintf(out, LINE_ROOM, "caprock-key-1 %s %s\n",
		       cr_uid_hex(slot).text, hex);
	cr_wipe(hex, sizeof(hex));
}

static int write_line(int *fd, const char *line)
{
	int r = cr_io_write(*fd, line, strlen(line));

	if (r == 0)
		r = cr_io_sync(*fd);
	return r == 0 ? cr_io_close(fd) : r;
}

int cr_key_file_write(const char *path, const struct cr_uid *slot,
		      const struct cr_secret *secret)
{
	cr_cleanup(cr_closep) int fd = -1;
	char line[LINE_ROOM];
	int r;

	assert(secret->len == CR_KEY_FILE_SECRET);
	fd = cr_io_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return cr_fail(-fd, "%s: %s", path, cr_strerror(fd));
	format(slot, secret, line);
	r = write_line(&fd, line);
	if (r == 0)
		r = cr_io_sync_parent(path);
	cr_wipe(line, sizeof(line));
	if (r < 0) {
		(void)cr_io_unlink(AT_FDCWD, path);
		return cr_fail(-r, "%s: %s", path, cr_strerror(r));
	}
	return 0;
}
