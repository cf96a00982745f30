/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/segment.h"

#include "store/base/buf.h"
#include "store/codec/footer.h"
#include "store/codec/segment_encode.h"
#include "tests/unit/laws.h"

enum { HEAD = 48, FOOTER = 300, ITEM = 8 + 256 + 4 + FOOTER };

/* A pack of one shard whose blocks end at 1000. */
#define PACK_LEN (1000ull + FOOTER + 8 + CR_TRAILER_TAIL_LEN)

static void put_item(struct cr_buf *out)
{
	uint8_t header[CR_PACK_HEADER_LEN], footer[FOOTER];
	const struct cr_segment_item item = { .pack_len = PACK_LEN,
					      .header = header,
					      .footer = footer,
					      .footer_len = FOOTER };

	law_fill(header, sizeof(header), 1);
	law_fill(footer, sizeof(footer), 2);
	cr_segment_add(&item, out);
}

static void put_segment(uint32_t packs, uint32_t listed, struct cr_buf *out)
{
	const struct cr_uid repository = law_uid(3), writer = law_uid(4);

	cr_segment_begin(&repository, &writer, packs, out);
	for (uint32_t i = 0; i < listed; i++)
		put_item(out);
	assert_int_equal(cr_buf_error(out), 0);
}

/* Read to the end. */
static int parse(struct cr_piece bytes)
{
	struct cr_segment segment;
	struct cr_segment_item item;
	int r = cr_segment_parse(bytes, &segment);

	if (r < 0)
		return r;
	do {
		r = cr_segment_next(&segment, &item);
	} while (r > 0);
	return r;
}

static void items_are_read_in_place(void **state)
{
	cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 }, again = { 0 };
	const struct cr_uid repository = law_uid(3), writer = law_uid(4);
	struct cr_segment segment;
	struct cr_segment_item item;

	(void)state;
	put_segment(2, 2, &buf);
	assert_int_equal(buf.len, HEAD + 2 * ITEM);
	assert_int_equal(
		cr_segment_parse((struct cr_piece){ buf.bytes, buf.len },
				 &segment),
		0);
	assert_true(cr_uid_equal(&segment.repository, &repository));
	assert_true(cr_uid_equal(&segment.writer, &writer));
	assert_int_equal(segment.packs, 2);
	cr_segment_begin(&segment.repository, &segment.writer, segment.packs,
			 &again);
	for (size_t at = HEAD; at < buf.len; at += ITEM) {
		assert_int_equal(cr_segment_next(&segment, &item), 1);
		assert_true(item.pack_len == PACK_LEN);
		assert_int_equal(item.data_end, 1000);
		assert_int_equal(item.footer_len, FOOTER);
		assert_ptr_equal(item.header, buf.bytes + at + 8);
		assert_ptr_equal(item.footer, buf.bytes + at + 8 + 256 + 4);
		cr_segment_add(&item, &again);
	}
	assert_int_equal(cr_segment_next(&segment, &item), 0);
	assert_int_equal(cr_segment_next(&segment, &item), 0);
	assert_int_equal(again.len, buf.len);
	assert_memory_equal(again.bytes, buf.bytes, buf.len);
}

static void a_segment_is_whole_or_nothing(void **state)
{
	cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };

	(void)state;
	put_segment(2, 2, &buf);
	law_no_prefix_parses((struct cr_piece){ buf.bytes, buf.len }, parse);
	law_no_byte_may_follow((struct cr_piece){ buf.bytes, buf.len }, parse);
}

static void a_field_out_of_bounds_is_refused(void **state)
{
	static const struct {
		const char *what;
		size_t at;
		uint8_t value;
		int want;
		const char *said;
	} cases[] = {
		{ "another magic", 7, 'M', -CR_ECORRUPT, "caprockI" },
		{ "another version", 8, 2, -CR_EVERSION, "version 2" },
		{ "no pack", 44, 0, -CR_ECORRUPT, "0 packs" },
		{ "a pack less", 44, 1, -CR_ECORRUPT, "after the last pack" },
		{ "a pack more", 44, 3, -CR_ECORRUPT, "cut short" },
		{ "many packs more", 46, 1, -CR_ECORRUPT, "65538 packs" },
		{ "more than there are bytes", 45, 2, -CR_ECORRUPT,
		  "514 packs" },
		{ "a pack too small for it", HEAD + 1, 2, -CR_ECORRUPT,
		  "footer of" },
		{ "a pack too large", HEAD + 7, 1, -CR_ECORRUPT, "pack of" },
		{ "a footer cut short", HEAD + 8 + 256 + 2, 1, -CR_ECORRUPT,
		  "pack 0 of 2 is cut short" },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };

		unit_case(cases[i].what);
		put_segment(2, 2, &buf);
		buf.bytes[cases[i].at] = cases[i].value;
		law_verdict(parse((struct cr_piece){ buf.bytes, buf.len }),
			    cases[i].want, cases[i].said);
	}
}

static void a_segment_has_a_greatest_length(void **state)
{
	cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };

	(void)state;
	put_segment(1, 1, &buf);
	cr_buf_zero(&buf, CR_SEGMENT_MAX + 1 - buf.len);
	assert_int_equal(cr_buf_error(&buf), 0);
	law_verdict(parse((struct cr_piece){ buf.bytes, buf.len }),
		    -CR_ECORRUPT, "segment: 134217729 bytes");
	law_verdict(parse((struct cr_piece){ buf.bytes, buf.len - 1 }),
		    -CR_ECORRUPT, "after the last pack");
}

static void a_segment_has_a_greatest_count(void **state)
{
	enum { LEAST = 8 + 256 + 4 + CR_SEAL_OVERHEAD };

	(void)state;
	for (uint32_t over = 0; over < 2; over++) {
		cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };
		struct cr_segment segment;

		put_segment(CR_SEGMENT_PACKS_MAX + over, 0, &buf);
		cr_buf_zero(&buf, (CR_SEGMENT_PACKS_MAX + over) * LEAST);
		assert_int_equal(cr_buf_error(&buf), 0);
		assert_int_equal(cr_segment_parse((struct cr_piece){ buf.bytes,
								     buf.len },
						  &segment),
				 over ? -CR_ECORRUPT : 0);
	}
}

static void a_segment_names_itself(void **state)
{
	struct cr_id id = cr_segment_id(law_text("bytes"));
	struct cr_id want = cr_hash_bytes("segment", "bytes", 5);

	(void)state;
	assert_true(cr_id_equal(&id, &want));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(items_are_read_in_place),
		cmocka_unit_test(a_segment_is_whole_or_nothing),
		cmocka_unit_test(a_field_out_of_bounds_is_refused),
		cmocka_unit_test(a_segment_has_a_greatest_length),
		cmocka_unit_test(a_segment_has_a_greatest_count),
		cmocka_unit_test(a_segment_names_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
