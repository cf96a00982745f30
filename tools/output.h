/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * output.h - what a command says on standard output: text for a person, or JSON
 * lines, the last of which is {"type":"summary",...}.
 *
 * Names go through cr_escape().  In JSON a name that is not UTF-8 is escaped
 * too, and stands beside it as it is, in hexadecimal: "name" and "name_hex".
 * Main thread only.
 */
#ifndef TOOLS_OUTPUT_H
#define TOOLS_OUTPUT_H

#include <jansson.h>

#include "store/codec/hash.h"

struct cr_output {
	bool json;
	bool quiet;
	unsigned int verbose;
	json_t *summary; /* owned; with @json: what the last line will hold */
	int error;	 /* 0, or -errno of the first write that failed */
};

cr_must_check int cr_output_init(struct cr_output *out);
void cr_output_release(struct cr_output *out);

/* Text, without --json only. */
cr_printf(2, 3) void cr_say(struct cr_output *out, const char *fmt, ...);
/* The same, not with --quiet: what was done, as against what was asked for. */
cr_printf(2, 3) void cr_tell(struct cr_output *out, const char *fmt, ...);
/* An escaped name, as text. */
void cr_say_name(struct cr_output *out, struct cr_piece name);
void cr_say_path(struct cr_output *out, const char *path);

/* A line of JSON, with --json only.  Takes @line, which may be NULL. */
void cr_say_json(struct cr_output *out, json_t *line);

/* A new line of that type; NULL without --json or without memory. */
json_t *cr_json_line(const struct cr_output *out, const char *type);

/* Set a member.  All accept NULL for @object, and leave out what has no room.
 */
void cr_json_name(json_t *object, const char *key, struct cr_piece name);
void cr_json_text(json_t *object, const char *key, const char *text);
void cr_json_u64(json_t *object, const char *key, uint64_t value);
void cr_json_bool(json_t *object, const char *key, bool value);
void cr_json_id(json_t *object, const char *key, const struct cr_id *id);
void cr_json_uid(json_t *object, const char *key, const struct cr_uid *id);
/* As "2026-11-22T02:15:00Z". */
void cr_json_time(json_t *object, const char *key, int64_t when);

/*
 * Whether standard output took everything so far.  -errno with a sentence, but
 * -EPIPE, a reader that left, without.
 */
cr_must_check int cr_output_check(const struct cr_output *out);

/* Bytes of a file, in every mode.  As cr_output_check(). */
cr_must_check int cr_say_bytes(struct cr_output *out, const void *bytes,
			       size_t len);

/* Print the summary, flush.  As cr_output_check(). */
cr_must_check int cr_output_finish(struct cr_output *out, int status);

/* "1.2 MiB", in at most 10 characters. */
struct cr_human {
	char text[16];
};
struct cr_human cr_human_bytes(uint64_t bytes);

#endif
