/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * manifest.h - one signed snapshot.  FORMAT.md section 10.  Bytes in, structs
 * out; keys are applied by store/disk/snapshot.h.
 */
#ifndef STORE_CODEC_MANIFEST_H
#define STORE_CODEC_MANIFEST_H

#include "store/codec/sign.h"
#include "store/codec/tree.h"

struct cr_buf;

#define CR_MANIFEST_HEAD_LEN 200 /* up to and with the body's length */

struct cr_manifest_head {
	struct cr_uid repository;
	struct cr_uid writer;
	struct cr_uid incarnation;
	uint64_t seq;
	struct cr_id prev;
	int64_t time;
	uint32_t epoch;
	uint8_t sealed_key[CR_KEY_LEN + CR_BOX_OVERHEAD];
	uint32_t body_len; /* without nonce and tag */
};

enum cr_manifest_flags {
	CR_MANIFEST_XATTRS = 1,
	CR_MANIFEST_ACLS = 2,
	CR_MANIFEST_HOLES = 4,
	CR_MANIFEST_LINKS = 8,
	CR_MANIFEST_INCOMPLETE = 16,
	CR_MANIFEST_CHANGED = 32,
	CR_MANIFEST_SPECIAL = 64,
};

/* Many short strings; they point into the parsed body. */
struct cr_strings {
	struct cr_piece *string; /* owned array of borrowed pieces */
	uint32_t count;
};

/* Text that stands in the manifest, or in text objects when it is long. */
struct cr_text {
	struct cr_piece here; /* borrowed; when @pieces is 0 */
	struct cr_id *piece;  /* owned */
	uint32_t pieces;
};

struct cr_manifest {
	struct cr_id repository_hash;
	struct cr_piece source;
	struct cr_piece host;
	struct cr_piece user;
	struct cr_time began;
	int64_t ended;
	struct cr_uid domain;
	struct cr_strings paths;
	struct cr_strings tags;
	struct cr_strings options;
	uint64_t flags;
	uint64_t entries, files, directories, bytes;
	uint64_t files_new, files_changed, files_unchanged;
	uint64_t bytes_read, bytes_added;
	uint64_t warnings;
	struct cr_text warning_text;
	struct cr_text mounts_text;
	struct cr_text users_text;
	struct cr_text groups_text;
	struct cr_entry root;
	struct cr_id root_id; /* unless root.content is NONE */
	struct cr_hint root_hint;
	struct cr_id *segment; /* owned */
	uint32_t segments;
	struct cr_buf *body; /* owned or NULL: what the pieces point into */
};

/* Parse the plain head of the object @bytes; lengths agree with bytes.len. */
cr_must_check int cr_manifest_head_parse(struct cr_piece bytes,
					 struct cr_manifest_head *ret);
/* The same, of the first bytes of an object of @len. */
cr_must_check int cr_manifest_head_peek(struct cr_piece bytes, uint64_t len,
					struct cr_manifest_head *ret);

/* Parse a body.  -CR_ECORRUPT or -ENOMEM with *@ret untouched. */
cr_must_check int cr_manifest_parse(struct cr_piece body,
				    struct cr_manifest *ret);
void cr_manifest_release(struct cr_manifest *manifest);

/* 1 to 64 of A-Z a-z 0-9 . _ -, not beginning with "." */
bool cr_source_valid(struct cr_piece name);

#endif
