/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/bytes.h"
#include "tests/unit/random.h"

#include <xxhash.h>

#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/codec/compress.h"

enum { BAD = -CR_ECORRUPT };

/* A frame by hand (RFC 8878): magic, descriptor, and a window of 2 MiB. */
#define MAGIC	"\x28\xb5\x2f\xfd"
#define HEAD	MAGIC "\0\x58"
#define HELLO	"\x29\0\0hello" /* the last block, stored, 5 bytes */
#define SKIPPED "\x50\x2a\x4d\x18\4\0\0\0abcd"

static void compressor_freep(struct cr_compressor **comp)
{
	cr_compressor_free(*comp);
}

static void decompressor_freep(struct cr_decompressor **dec)
{
	cr_decompressor_free(*dec);
}

static void only_one_plain_frame_expands(void **state)
{
	static const struct {
		const char *what;
		struct cr_piece frame;
		int r;
	} cases[] = {
		{ "by hand", UNIT_BYTES(HEAD HELLO), 0 },
		{ "the least window", UNIT_BYTES(MAGIC "\0\0" HELLO), 0 },
		{ "window of 1.875 MiB", UNIT_BYTES(MAGIC "\0\x57" HELLO), 0 },
		{ "window of 2.25 MiB", UNIT_BYTES(MAGIC "\0\x59" HELLO), BAD },
		{ "window of 3.75 TiB", UNIT_BYTES(MAGIC "\0\xff" HELLO), BAD },
		{ "content size", UNIT_BYTES(MAGIC "\x80\x58\5\0\0\0" HELLO),
		  BAD },
		{ "one segment", UNIT_BYTES(MAGIC "\x20\5" HELLO), BAD },
		{ "content size that zstd takes for none",
		  UNIT_BYTES(MAGIC
			     "\xe0\xff\xff\xff\xff\xff\xff\xff\xff" HELLO),
		  BAD },
		{ "size and a great window",
		  UNIT_BYTES(MAGIC "\x80\xff\5\0\0\0" HELLO), BAD },
		{ "dictionary", UNIT_BYTES(MAGIC "\1\x58\7" HELLO), BAD },
		{ "dictionary number 0", UNIT_BYTES(MAGIC "\1\x58\0" HELLO),
		  BAD },
		{ "reserved bit", UNIT_BYTES(MAGIC "\x08\x58" HELLO), BAD },
		{ "older magic", UNIT_BYTES("\x27\xb5\x2f\xfd\0\x58" HELLO),
		  BAD },
		{ "nothing", UNIT_BYTES(""), BAD },
		{ "a magic", UNIT_BYTES(MAGIC), BAD },
		{ "a head", UNIT_BYTES(HEAD), BAD },
		{ "no last block", UNIT_BYTES(HEAD "\x28\0\0hello"), BAD },
		{ "a byte after it", UNIT_BYTES(HEAD HELLO "\0"), BAD },
		{ "an empty frame after it",
		  UNIT_BYTES(HEAD HELLO HEAD "\1\0\0"), BAD },
		{ "an empty frame before it",
		  UNIT_BYTES(HEAD "\1\0\0" HEAD HELLO), BAD },
		{ "skipped before it", UNIT_BYTES(SKIPPED HEAD HELLO), BAD },
		{ "skipped after it", UNIT_BYTES(HEAD HELLO SKIPPED), BAD },
		{ "skipped alone", UNIT_BYTES(SKIPPED), BAD },
		{ "four bytes", UNIT_BYTES(HEAD "\x21\0\0hell"), BAD },
		{ "six bytes", UNIT_BYTES(HEAD "\x31\0\0hello!"), BAD },
	};
	cr_cleanup(decompressor_freep) struct cr_decompressor *dec = NULL;

	(void)state;
	assert_int_equal(cr_decompressor_new(&dec), 0);
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		char out[5] = { 0 };

		unit_case(cases[i].what);
		assert_int_equal(cr_decompress(dec, cases[i].frame, out, 5),
				 cases[i].r);
		if (cases[i].r == 0)
			assert_memory_equal(out, "hello", 5);
	}
}

static void frame_with_a_checksum_is_refused(void **state)
{
	static const uint8_t frame[] = MAGIC "\4\x58" HELLO "1234";
	cr_cleanup(decompressor_freep) struct cr_decompressor *dec = NULL;
	uint8_t bytes[sizeof(frame) - 1], out[5];

	(void)state;
	memcpy(bytes, frame, sizeof(bytes));
	/* A right one: what is refused is that it is there. */
	unit_put_u32(bytes + sizeof(bytes) - 4, (uint32_t)XXH64("hello", 5, 0));
	assert_int_equal(cr_decompressor_new(&dec), 0);
	assert_int_equal(
		cr_decompress(dec, (struct cr_piece){ bytes, sizeof(bytes) },
			      out, 5),
		BAD);
}

static void bomb_is_refused_at_its_bound(void **state)
{
	enum { LEN = 1 << 20 };
	cr_cleanup(decompressor_freep) struct cr_decompressor *dec = NULL;
	cr_cleanup(cr_buf_release) struct cr_buf bomb = { 0 };
	/* Just as long as asked for: AddressSanitizer guards its end. */
	cr_cleanup(cr_freep) uint8_t *out = malloc(LEN);

	(void)state;
	assert_non_null(out);
	assert_int_equal(cr_decompressor_new(&dec), 0);
	/* 128 KiB of one byte in every 4, 2 GiB in all. */
	cr_buf_put(&bomb, HEAD, sizeof(HEAD) - 1);
	for (size_t i = 0; i < 16384; i++)
		cr_buf_put(&bomb, "\2\0\x10z", 4);
	cr_buf_put(&bomb, "\1\0\0", 3);
	assert_int_equal(
		cr_decompress(dec, (struct cr_piece){ bomb.bytes, bomb.len },
			      out, LEN),
		BAD);
	assert_int_equal(
		cr_decompress(dec, (struct cr_piece){ bomb.bytes, bomb.len },
			      out, CR_BLOCK_RAW_MAX + 1),
		BAD);
	/* Eight of its blocks, which are not too many, are fine. */
	bomb.len = sizeof(HEAD) - 1 + 8 * 4;
	cr_buf_put(&bomb, "\1\0\0", 3);
	assert_int_equal(
		cr_decompress(dec, (struct cr_piece){ bomb.bytes, bomb.len },
			      out, LEN),
		0);
	assert_int_equal(out[LEN - 1], 'z');
}

/* Text of a few letters, as @ease goes up; noise where it is 0. */
static void fill(struct unit_random *rnd, uint8_t *b, size_t len,
		 unsigned int ease)
{
	unit_fill(rnd, b, len);
	for (size_t i = 0; ease > 0 && i < len; i++)
		b[i] = (uint8_t)('a' + b[i] % (200 / ease + 1));
}

static void what_is_compressed_expands_to_the_same(void **state)
{
	static const struct {
		const char *what;
		int level;
		size_t len;
		unsigned int ease;
	} cases[] = {
		{ "a little text", 3, 300, 30 },
		{ "zeros", 3, 1 << 20, 200 },
		{ "1 MiB", 3, 1 << 20, 20 },
		{ "2 MiB", 3, 2 << 20, 10 },
		{ "2 MiB, level 1", 1, 2 << 20, 10 },
		{ "256 KiB, level 19", 19, 1 << 18, 100 },
		{ "2 MiB, level 22", 22, 2 << 20, 4 },
		{ "1 MiB, level -5", -5, 1 << 20, 100 },
	};
	cr_cleanup(decompressor_freep) struct cr_decompressor *dec = NULL;
	cr_cleanup(cr_freep) uint8_t *raw = malloc(2 << 20);
	cr_cleanup(cr_freep) uint8_t *again = malloc(2 << 20);
	struct unit_random rnd = unit_seed();

	(void)state;
	assert_true(raw && again);
	assert_int_equal(cr_decompressor_new(&dec), 0);
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		cr_cleanup(compressor_freep) struct cr_compressor *comp = NULL;
		cr_cleanup(cr_buf_release) struct cr_buf out = { 0 };
		const size_t len = cases[i].len;
		int r;

		unit_case(cases[i].what);
		assert_int_equal(cr_compressor_new(cases[i].level, &comp), 0);
		assert_int_equal(cr_compressor_level(comp), cases[i].level);
		fill(&rnd, raw, len, cases[i].ease);
		cr_buf_put(&out, "before", 6);
		r = cr_compress(comp, (struct cr_piece){ raw, len }, &out);
		assert_true(r > 0 && (size_t)r < len);
		assert_int_equal(out.len, 6 + r);
		assert_memory_equal(out.bytes, "before" MAGIC, 10);
		/* No size, checksum or dictionary: only a window follows. */
		assert_int_equal(out.bytes[10], 0);
		assert_int_equal(cr_decompress(dec,
					       (struct cr_piece){ out.bytes + 6,
								  (size_t)r },
					       again, len),
				 0);
		assert_memory_equal(raw, again, len);
	}
}

static void what_does_not_shrink_is_left(void **state)
{
	static const size_t lens[] = { 0, 1, 5, 1000, 2 << 20 };
	cr_cleanup(compressor_freep) struct cr_compressor *comp = NULL;
	cr_cleanup(cr_freep) uint8_t *raw = malloc(2 << 20);
	cr_cleanup(cr_buf_release) struct cr_buf out = { 0 };
	struct unit_random rnd = unit_seed();

	(void)state;
	assert_non_null(raw);
	assert_int_equal(cr_compressor_new(3, &comp), 0);
	fill(&rnd, raw, 2 << 20, 0);
	cr_buf_u8(&out, 7);
	for (size_t i = 0; i < CR_ARRAY_LEN(lens); i++) {
		assert_int_equal(cr_compress(comp,
					     (struct cr_piece){ raw, lens[i] },
					     &out),
				 0);
		assert_int_equal(out.len, 1);
		assert_int_equal(out.bytes[0], 7);
	}
}

static void damaged_frame_never_expands_beyond_its_bound(void **state)
{
	enum { LEN = 5000 };
	cr_cleanup(compressor_freep) struct cr_compressor *comp = NULL;
	cr_cleanup(decompressor_freep) struct cr_decompressor *dec = NULL;
	cr_cleanup(cr_buf_release) struct cr_buf out = { 0 };
	cr_cleanup(cr_freep) uint8_t *raw = malloc(LEN);
	struct unit_random rnd = unit_seed();

	(void)state;
	assert_non_null(raw);
	fill(&rnd, raw, LEN, 20);
	assert_int_equal(cr_compressor_new(3, &comp), 0);
	assert_int_equal(cr_decompressor_new(&dec), 0);
	assert_true(cr_compress(comp, (struct cr_piece){ raw, LEN }, &out) > 0);
	for (size_t n = 0; n < out.len; n++)
		assert_int_equal(
			cr_decompress(dec, (struct cr_piece){ out.bytes, n },
				      raw, LEN),
			BAD);
	for (size_t i = 0; i < 20000; i++) {
		uint8_t *at = out.bytes + unit_below(&rnd, (uint32_t)out.len);
		const uint8_t was = *at;
		int r;

		*at = (uint8_t)unit_random(&rnd);
		r = cr_decompress(dec, (struct cr_piece){ out.bytes, out.len },
				  raw, LEN);
		assert_true(r == 0 || r == BAD);
		*at = was;
	}
}

static void unknown_level_is_refused(void **state)
{
	static const int levels[] = { 23, 1000, INT32_MIN, INT32_MAX };
	struct cr_compressor *comp = NULL;

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(levels); i++) {
		assert_int_equal(cr_compressor_new(levels[i], &comp), -EINVAL);
		assert_null(comp);
	}
	assert_true(cr_compressor_version() >= 10500);
	cr_compressor_free(NULL);
	cr_decompressor_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_one_plain_frame_expands),
		cmocka_unit_test(frame_with_a_checksum_is_refused),
		cmocka_unit_test(bomb_is_refused_at_its_bound),
		cmocka_unit_test(what_is_compressed_expands_to_the_same),
		cmocka_unit_test(what_does_not_shrink_is_left),
		cmocka_unit_test(damaged_frame_never_expands_beyond_its_bound),
		cmocka_unit_test(unknown_level_is_refused),
	};

	return cmocka_run_group_tests_name("compress", tests, NULL, NULL);
}
