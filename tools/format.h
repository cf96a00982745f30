/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * format.h - entries and snapshots as people and scripts read them.
 */
#ifndef TOOLS_FORMAT_H
#define TOOLS_FORMAT_H

#include "store/read/reader.h"
#include "store/read/snapshots.h"
#include "tools/output.h"

/* "drwxr-xr-x", as ls writes it. */
struct cr_mode_text {
	char text[11];
};
struct cr_mode_text cr_mode_text(const struct cr_entry *entry);

/* "file", "directory", ... */
const char *cr_type_text(uint8_t type);

/* "2026-11-22 02:15:00", in UTC; "@seconds" outside the years 0 to 9999. */
struct cr_time_text {
	char text[32];
};
struct cr_time_text cr_time_text(int64_t when);

/* Eight digits of an id: enough for a person to type. */
struct cr_short_id {
	char text[9];
};
struct cr_short_id cr_short_id(const struct cr_id *id);
struct cr_short_id cr_short_uid(const struct cr_uid *id);

/* Attributes of an entry, in JSON; everything but its name and content. */
void cr_json_entry(json_t *object, const struct cr_entry *entry);

/* Who had which number when the snapshot was made. */
struct cr_owner_names {
	struct cr_buf users; /* owned; lines "number name" */
	struct cr_buf groups;
};

/* Without the names, numbers do: only -ENOMEM and bad storage are errors. */
cr_must_check int cr_owner_names_load(struct cr_reader *reader,
				      const struct cr_view *view,
				      const struct cr_snapshot *snapshot,
				      struct cr_owner_names *ret);
void cr_owner_names_release(struct cr_owner_names *names);

/* The name of @number in users or groups; of length 0 when it has none. */
struct cr_piece cr_owner_name(const struct cr_buf *lines, uint32_t number);

#endif
