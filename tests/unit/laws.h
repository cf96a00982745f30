/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * laws.h - what every parser must obey, checked on bytes that parse.
 */
#ifndef TESTS_UNIT_LAWS_H
#define TESTS_UNIT_LAWS_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/error.h"
#include "store/base/hex.h"
#include "store/codec/hash.h"
#include "tests/unit/unit.h"

/* Parse @bytes and release what came of it. */
typedef int (*law_parser)(struct cr_piece bytes);

/* A parser's verdict is @want, and its sentence has @said in it. */
static inline void law_verdict(int r, int want, const char *said)
{
	if (want < 0 && !strstr(cr_detail(), said))
		print_message("  said: %s\n", cr_detail());
	assert_int_equal(r, want);
	if (want < 0)
		assert_non_null(strstr(cr_detail(), said));
}

/* Parse a copy that is just as long, so that a sanitizer guards its end. */
static inline int law_parse(struct cr_piece bytes, law_parser parse)
{
	uint8_t *copy = malloc(bytes.len ? bytes.len : 1);
	int r;

	assert_non_null(copy);
	if (bytes.len > 0)
		memcpy(copy, bytes.bytes, bytes.len);
	cr_detail_clear();
	r = parse((struct cr_piece){ copy, bytes.len });
	free(copy);
	return r;
}

/* Each refusal is -CR_ECORRUPT with a sentence. */
static inline void law_no_prefix_parses(struct cr_piece bytes, law_parser parse)
{
	assert_int_equal(law_parse(bytes, parse), 0);
	for (size_t len = 0; len < bytes.len; len++) {
		int r = law_parse((struct cr_piece){ bytes.bytes, len }, parse);

		if (r != -CR_ECORRUPT || cr_detail()[0] == '\0')
			fail_msg("the first %zu of %zu bytes: %d, \"%s\"", len,
				 bytes.len, r, cr_detail());
	}
}

static inline void law_no_byte_may_follow(struct cr_piece bytes,
					  law_parser parse)
{
	uint8_t *longer = calloc(bytes.len + 1, 1);

	assert_non_null(longer);
	memcpy(longer, bytes.bytes, bytes.len);
	assert_int_equal(
		law_parse((struct cr_piece){ longer, bytes.len + 1 }, parse),
		-CR_ECORRUPT);
	free(longer);
}

/* @bytes are those that the digits of @hex stand for. */
static inline void law_hex(const void *bytes, size_t len, const char *hex)
{
	char text[2 * 512 + 1];

	assert_true(len <= 512);
	cr_hex(bytes, len, text);
	assert_string_equal(text, hex);
}

/* Bytes from, from + 1, ... */
static inline void law_fill(void *out, size_t len, unsigned int from)
{
	uint8_t *b = out;

	for (size_t i = 0; i < len; i++)
		b[i] = (uint8_t)(from + i);
}

static inline struct cr_uid law_uid(unsigned int from)
{
	struct cr_uid uid;

	law_fill(&uid, sizeof(uid), from);
	return uid;
}

static inline struct cr_id law_id(unsigned int from)
{
	struct cr_id id;

	law_fill(&id, sizeof(id), from);
	return id;
}

static inline struct cr_key law_key(unsigned int from)
{
	struct cr_key key;

	law_fill(&key, sizeof(key), from);
	return key;
}

static inline struct cr_piece law_text(const char *text)
{
	return (struct cr_piece){ text, strlen(text) };
}

#endif
