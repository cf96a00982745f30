/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/write/leftovers.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "store/base/error.h"
#include "store/base/hex.h"
#include "store/base/io.h"
#include "store/base/log.h"

#define NOTE "session"

/* The tag in the note, if there is a note of a session. */
static bool read_note(const struct cr_state *state,
		      char tag[CR_TEMPORARY_TAG_LEN])
{
	uint8_t bytes[(CR_TEMPORARY_TAG_LEN - 1) / 2];
	cr_cleanup(cr_closep) int fd =
		cr_io_open(cr_state_fd(state), NOTE, O_RDONLY, 0);
	ssize_t n;

	if (fd < 0)
		return false;
	n = cr_io_read(fd, tag, CR_TEMPORARY_TAG_LEN);
	if (n != CR_TEMPORARY_TAG_LEN - 1)
		return false;
	tag[n] = '\0';
	return cr_unhex(tag, bytes, sizeof(bytes)) == 0;
}

/* Durable before the first file that it speaks of. */
static int write_note(const struct cr_state *state, const char *tag)
{
	cr_cleanup(cr_closep) int fd = cr_io_open(
		cr_state_fd(state), NOTE, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	int r = fd < 0 ? fd : cr_io_write(fd, tag, strlen(tag));

	if (r == 0)
		r = cr_io_sync(fd);
	return r < 0 ? r : cr_io_sync_folder(cr_state_fd(state));
}

void cr_leftovers_begin(const struct cr_state *state, struct cr_storage_w *w)
{
	char tag[CR_TEMPORARY_TAG_LEN];
	int r = 0;

	if (read_note(state, tag))
		r = cr_storage_sweep(w, tag);
	if (r < 0)
		cr_log(CR_LOG_INFO,
		       "what a killed backup left was not removed: %s",
		       cr_detail());
	if (r > 0)
		cr_log(CR_LOG_INFO,
		       "removed %d unfinished file%s of a backup "
		       "that was killed",
		       r, r > 1 ? "s" : "");
	r = write_note(state, cr_storage_w_tag(w));
	if (r < 0)
		cr_log(CR_LOG_INFO, "the state could not be written: %s",
		       cr_strerror(r));
}

void cr_leftovers_end(const struct cr_state *state)
{
	(void)cr_io_unlink(cr_state_fd(state), NOTE);
}
